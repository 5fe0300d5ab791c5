package py

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"unicode/utf8"
)

// A Value is a Python object; the package's documentation lists its Go types.
type Value any

type noneType struct{}

// None is Python's None.
var None Value = noneType{}

// Markup is text that markupsafe.Markup marks as safe: what is added to it is escaped.
type Markup string

// A List is Python's list. Nothing changes it once it is made: the sandbox refuses the methods that would.
type List struct{ Items []Value }

// A Tuple is Python's tuple; Names, where set, are attributes for its first items, as in a named tuple.
type Tuple struct {
	Items []Value
	Names []string
}

// A Range is Python's range of Len values from Start. Stop is only shown.
type Range struct{ Start, Stop, Step, Len int64 }

// An Iter is a generator or an iterator: it gives each value once. Kind is Python's name of its type.
type Iter struct {
	Kind string
	Next func() (Value, bool)
}

// A Func is a builtin function or a bound method.
type Func struct {
	Name string
	Call func(vm *VM, a Args) Value
}

// Undefined is Jinja's value of a name, key or attribute that is not there. It prints as nothing, is false and empty, and fails in
// any other use with its message.
type Undefined struct {
	Hint string // the whole message, where set
	Obj  Value  // whose attribute or item Name is; nil for a variable
	Name Value
	Kind string // of the error; "" is UndefinedError
}

// An Object is a value that is defined outside this package. Type is its qualified Python type, as "jinja2.utils.Cycler".
type Object interface {
	Type() string
	Attr(vm *VM, name string) (Value, bool)
	Repr(vm *VM) string
}

// A Caller is an [Object] that can be called.
type Caller interface {
	Call(vm *VM, a Args) Value
}

// A Sized is an [Object] that has a length.
type Sized interface {
	Len(vm *VM) int
}

// Error is a Python exception: Kind is its class, as "TypeError".
type Error struct{ Kind, Message string }

func (e *Error) Error() string { return e.Kind + ": " + e.Message }

// Throw raises an exception.
func Throw(kind, format string, args ...any) {
	panic(&Error{Kind: kind, Message: fmt.Sprintf(format, args...)})
}

// Catch runs f and returns the exception it raised, if any.
func Catch(f func()) (err *Error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *Error:
			err = r
		default:
			panic(r)
		}
	}()
	f()
	return nil
}

// Fail raises the error that use of u is.
func (u *Undefined) Fail() {
	kind := u.Kind
	if kind == "" {
		kind = "UndefinedError"
	}
	Throw(kind, "%s", u.message())
}

func (u *Undefined) message() string {
	vm := New(Limits{Steps: 1000, Bytes: 1 << 16, Depth: 10}) // only names: short text
	switch name, isText := u.Name.(string); {
	case u.Hint != "":
		return u.Hint
	case u.Obj == nil:
		return vm.Repr(u.Name) + " is undefined"
	case !isText:
		text := "…"
		if err := Catch(func() { text = vm.Repr(u.Name) }); err != nil {
			text = "that long"
		}
		return describe(u.Obj) + " has no element " + text
	default:
		return vm.Repr(describe(u.Obj)) + " has no attribute " + vm.Repr(name)
	}
}

// describe names v's type as Jinja's messages do.
func describe(v Value) string {
	if v == None {
		return "None"
	}
	return TypeName(v) + " object"
}

// TypeName returns the name of v's Python type, qualified where it is no builtin.
func TypeName(v Value) string {
	switch v := v.(type) {
	case noneType:
		return "NoneType"
	case bool:
		return "bool"
	case int64, *big.Int:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case Markup:
		return "markupsafe.Markup"
	case *List:
		return "list"
	case *Tuple:
		return "tuple"
	case *Dict:
		return "dict"
	case *Range:
		return "range"
	case *View:
		return v.kind.String()
	case *Iter:
		return v.Kind
	case *Func:
		return "builtin_function_or_method"
	case *Undefined:
		return "Undefined"
	case Object:
		return v.Type()
	}
	return "object"
}

// NewList returns a list of items.
func NewList(items ...Value) *List { return &List{Items: items} }

// NewTuple returns a tuple of items.
func NewTuple(items ...Value) *Tuple { return &Tuple{Items: items} }

// Text returns v as text if it is a string.
func Text(v Value) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case Markup:
		return string(v), true
	}
	return "", false
}

// IsNumber reports whether v is an int, a bool or a float.
func IsNumber(v Value) bool {
	switch v.(type) {
	case bool, int64, *big.Int, float64:
		return true
	}
	return false
}

// Truth is bool(v).
func (vm *VM) Truth(v Value) bool {
	switch v := v.(type) {
	case nil, noneType, *Undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case *big.Int:
		return v.Sign() != 0
	case float64:
		return v != 0 || math.IsNaN(v)
	case string:
		return v != ""
	case Markup:
		return v != ""
	case *List:
		return len(v.Items) > 0
	case *Tuple:
		return len(v.Items) > 0
	case *Dict:
		return v.Len() > 0
	case *View:
		return v.dict.Len() > 0
	case *Range:
		return v.Len > 0
	case Sized:
		return v.Len(vm) > 0
	}
	return true
}

// Len is len(v); ok is false where v has no length.
func (vm *VM) Len(v Value) (n int, ok bool) {
	switch v := v.(type) {
	case string:
		return vm.runes(v), true
	case Markup:
		return vm.runes(string(v)), true
	case *List:
		return len(v.Items), true
	case *Tuple:
		return len(v.Items), true
	case *Dict:
		return v.Len(), true
	case *View:
		return v.dict.Len(), true
	case *Range:
		return int(v.Len), true
	case *Undefined:
		return 0, true
	case Sized:
		return v.Len(vm), true
	}
	return 0, false
}

// Limits bound what one evaluation may use.
type Limits struct {
	Steps int64 // operations; scanning 256 bytes of text counts as one
	Bytes int64 // text and collections built, in bytes, whether still in use or not
	Depth int   // nesting of calls, and of values that are printed, compared or parsed
}

// A VM carries out operations and charges them to its limits; it raises ResourceError beyond them. It belongs to one goroutine.
type VM struct {
	steps, bytes int64
	depth        int
	printing     []Value // lists, tuples and dicts whose text is being made, the innermost last
}

// New returns a VM with these limits.
func New(l Limits) *VM { return &VM{steps: l.Steps, bytes: l.Bytes, depth: l.Depth} }

// Step charges n operations.
func (vm *VM) Step(n int) {
	vm.steps -= int64(n)
	if vm.steps < 0 {
		Throw("ResourceError", "the template takes too many steps")
	}
}

// Scan charges the reading of n bytes.
func (vm *VM) Scan(n int) { vm.Step(1 + n>>8) }

// read charges the reading of n bytes, character by character.
func (vm *VM) read(n int) { vm.Step(1 + n>>5) }

// Key charges the lookup of a key.
func (vm *VM) Key(key Value) {
	if text, ok := Text(key); ok {
		vm.Scan(len(text))
	}
}

// Build charges n bytes of new text. It is called before the text is made.
func (vm *VM) Build(n int) {
	vm.Scan(n)
	vm.bytes -= int64(n)
	if vm.bytes < 0 || n < 0 {
		Throw("ResourceError", "the template builds too much text")
	}
}

// Grow charges n items of a new collection.
func (vm *VM) Grow(n int) {
	vm.Step(n)
	vm.bytes -= 32 * int64(n)
	if vm.bytes < 0 || n < 0 {
		Throw("ResourceError", "the template builds too many values")
	}
}

// Enter goes one level deeper; Leave comes back.
func (vm *VM) Enter() {
	vm.depth--
	if vm.depth < 0 {
		Throw("RecursionError", "the template or a value in it is nested too deeply")
	}
}

// Leave undoes [VM.Enter].
func (vm *VM) Leave() { vm.depth++ }

func (vm *VM) runes(s string) int {
	vm.Scan(len(s))
	return utf8.RuneCountInString(s)
}

// Args are the arguments of a call.
type Args struct {
	Pos []Value
	Kw  []Kwarg
}

// A Kwarg is a keyword argument.
type Kwarg struct {
	Name  string
	Value Value
}

// Bind puts the arguments of fn in the order of params. A parameter written "name?" may be missing and is then nil; one that begins
// with "_" takes no keyword. Anything else that does not fit is a TypeError.
func (a Args) Bind(fn string, params ...string) []Value {
	if len(a.Pos) > len(params) {
		Throw("TypeError", "%s() takes at most %d arguments (%d given)", fn, len(params), len(a.Pos))
	}
	bound := make([]Value, len(params))
	copy(bound, a.Pos)
	for _, kw := range a.Kw {
		at := -1
		for i, p := range params {
			if p == kw.Name || p == kw.Name+"?" {
				at = i
			}
		}
		if at < 0 || strings.HasPrefix(kw.Name, "_") {
			Throw("TypeError", "%s() got an unexpected keyword argument '%s'", fn, kw.Name)
		}
		if bound[at] != nil {
			Throw("TypeError", "%s() got multiple values for argument '%s'", fn, kw.Name)
		}
		bound[at] = kw.Value
	}
	for i, p := range params {
		if bound[i] == nil && p[len(p)-1] != '?' {
			Throw("TypeError", "%s() is missing its argument '%s'", fn, p)
		}
	}
	return bound
}

// Call is f(*args, **kwargs).
func (vm *VM) Call(f Value, a Args) Value {
	vm.Step(1)
	vm.Enter()
	defer vm.Leave()
	switch f := f.(type) {
	case *Func:
		return f.Call(vm, a)
	case Caller:
		return f.Call(vm, a)
	case *Undefined:
		f.Fail()
	}
	Throw("TypeError", "'%s' object is not callable", TypeName(f))
	return nil
}

// Callable reports whether v can be called.
func Callable(v Value) bool {
	switch v.(type) {
	case *Func, Caller, *Undefined:
		return true
	}
	return false
}
