// Package py is the part of Python that templates see: its values, and the operators, methods and text forms of those values, as
// CPython 3.11 has them. [VM] carries out the operations and meters them, so that a hostile template can neither hang nor exhaust memory.
//
// A [Value] is one of None, bool, int64, *big.Int (only beyond 64 bits), float64, string, [Markup], *[List], *[Tuple], *[Dict],
// *[Range], *[View], *[Iter], *[Func], *[Undefined] or an [Object]; a Go nil stands for "no value". Strings are UTF-8 and are counted,
// indexed and cut by code point.
//
// The one trap: Python's exceptions are Go panics of *[Error] inside this package and its callers; whoever starts an evaluation must
// end it with [Catch].
package py
