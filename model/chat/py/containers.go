package py

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"unicode/utf8"
)

// A Dict is Python's dict: entries in order of insertion. Only its maker may still [Dict.Set].
type Dict struct {
	entries []entry
	index   map[any]int // from hash key to entry; nil while the dict is small
}

type entry struct {
	hash       any
	key, value Value
}

const smallDict = 8 // entries up to which a scan is faster than a map

// NewDict returns an empty dict.
func NewDict() *Dict { return &Dict{} }

// Len returns the number of entries.
func (d *Dict) Len() int { return len(d.entries) }

// Entry returns the entry of rank i in order of insertion.
func (d *Dict) Entry(i int) (key, value Value) { return d.entries[i].key, d.entries[i].value }

// Get returns the value of a key; ok is false where there is none or the key can't be hashed.
func (d *Dict) Get(key Value) (v Value, ok bool) {
	h, hashable := hashKey(key, 0)
	if !hashable {
		return nil, false
	}
	if i := d.find(h); i >= 0 {
		return d.entries[i].value, true
	}
	return nil, false
}

// Set gives key a value, at the key's old place if it had one. An unhashable key is a TypeError.
func (d *Dict) Set(key, value Value) {
	h, ok := hashKey(key, 0)
	if !ok {
		Throw("TypeError", "unhashable type: '%s'", TypeName(key))
	}
	if i := d.find(h); i >= 0 {
		d.entries[i].value = value
		return
	}
	d.entries = append(d.entries, entry{h, key, value})
	if d.index != nil {
		d.index[h] = len(d.entries) - 1
	} else if len(d.entries) > smallDict {
		d.index = make(map[any]int, 2*len(d.entries))
		for i, e := range d.entries {
			d.index[e.hash] = i
		}
	}
}

// Update sets every entry of o.
func (d *Dict) Update(o *Dict) {
	for _, e := range o.entries {
		d.Set(e.key, e.value)
	}
}

func (d *Dict) find(h any) int {
	if d.index != nil {
		if i, ok := d.index[h]; ok {
			return i
		}
		return -1
	}
	for i := range d.entries {
		if d.entries[i].hash == h {
			return i
		}
	}
	return -1
}

type (
	undefinedKey struct{}
	bigKey       string
	tupleKey     string
)

// Bounds of a tuple that is a key; beyond them it is taken for unhashable.
const (
	maxKeyDepth = 20
	maxKeyText  = 4096 // bytes of all that it holds
)

// hashKey returns a comparable Go value that is equal for two values exactly where they are equal in Python.
func hashKey(v Value, depth int) (any, bool) {
	switch v := v.(type) {
	case Markup:
		return string(v), true
	case bool:
		if v {
			return int64(1), true
		}
		return int64(0), true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<62 {
			return int64(v), true
		}
		if !math.IsInf(v, 0) && v == math.Trunc(v) {
			whole, _ := big.NewFloat(v).Int(nil)
			return bigKey(whole.String()), true
		}
		return v, true
	case *big.Int:
		return bigKey(v.String()), true
	case *Undefined:
		return undefinedKey{}, true
	case *List, *Dict, *View:
		return nil, false
	case *Tuple:
		if depth == maxKeyDepth {
			return nil, false
		}
		var b strings.Builder
		for _, item := range v.Items {
			h, ok := hashKey(item, depth+1)
			if !ok {
				return nil, false
			}
			if text, _ := h.(string); b.Len()+len(text) > maxKeyText {
				return nil, false
			}
			text := fmt.Sprintf("%T %v", h, h)
			fmt.Fprintf(&b, "%d:%s,", len(text), text)
		}
		return tupleKey(b.String()), true
	}
	return v, true // None, int64, string, and what is compared by identity
}

type viewKind int

const (
	viewKeys viewKind = iota
	viewValues
	viewItems
)

func (k viewKind) String() string { return [...]string{"dict_keys", "dict_values", "dict_items"}[k] }

// A View is what dict.keys, dict.values and dict.items return.
type View struct {
	dict *Dict
	kind viewKind
}

func (v *View) at(i int) Value {
	key, value := v.dict.Entry(i)
	switch v.kind {
	case viewKeys:
		return key
	case viewValues:
		return value
	}
	return NewTuple(key, value)
}

// Items returns the view of a dict's entries as tuples.
func (d *Dict) Items() *View { return &View{d, viewItems} }

// DictOf is dict(mapping or pairs, **kwargs).
func DictOf(vm *VM, a Args) *Dict {
	if len(a.Pos) > 1 {
		Throw("TypeError", "dict expected at most 1 argument, got %d", len(a.Pos))
	}
	d := NewDict()
	if len(a.Pos) == 1 {
		if from, ok := a.Pos[0].(*Dict); ok {
			vm.Grow(2 * from.Len())
			d.Update(from)
		} else {
			for _, item := range vm.Items(a.Pos[0]) {
				pair := vm.Items(item)
				if len(pair) != 2 {
					Throw("ValueError", "dictionary update sequence element has length %d; 2 is required", len(pair))
				}
				vm.Grow(2)
				vm.Key(pair[0])
				d.Set(pair[0], pair[1])
			}
		}
	}
	vm.Grow(2 * len(a.Kw))
	for _, kw := range a.Kw {
		d.Set(kw.Name, kw.Value)
	}
	return d
}

func dictMethod(name string) func(vm *VM, d *Dict, a Args) Value {
	switch name {
	case "keys":
		return func(_ *VM, d *Dict, a Args) Value { a.Bind("keys"); return &View{d, viewKeys} }
	case "values":
		return func(_ *VM, d *Dict, a Args) Value { a.Bind("values"); return &View{d, viewValues} }
	case "items":
		return func(_ *VM, d *Dict, a Args) Value { a.Bind("items"); return d.Items() }
	case "get":
		return func(vm *VM, d *Dict, a Args) Value {
			p := a.Bind("get", "_key", "_default?")
			vm.Key(p[0])
			if _, ok := hashKey(p[0], 0); !ok {
				Throw("TypeError", "unhashable type: '%s'", TypeName(p[0]))
			}
			if v, ok := d.Get(p[0]); ok {
				return v
			}
			if p[1] != nil {
				return p[1]
			}
			return None
		}
	case "copy":
		return func(vm *VM, d *Dict, a Args) Value {
			a.Bind("copy")
			vm.Grow(d.Len())
			made := NewDict()
			made.Update(d)
			return made
		}
	}
	return nil
}

// Iter is iter(v), as a function that gives the next value; ok is false where v can't be iterated over.
func (vm *VM) Iter(v Value) (next func() (Value, bool), ok bool) {
	switch v := v.(type) {
	case *List:
		return vm.ranked(len(v.Items), func(i int) Value { return v.Items[i] }), true
	case *Tuple:
		return vm.ranked(len(v.Items), func(i int) Value { return v.Items[i] }), true
	case *Dict:
		return vm.ranked(v.Len(), func(i int) Value { key, _ := v.Entry(i); return key }), true
	case *View:
		return vm.ranked(v.dict.Len(), v.at), true
	case *Range:
		return vm.ranked(int(v.Len), func(i int) Value { return v.Start + int64(i)*v.Step }), true
	case string:
		return vm.chars(v, func(c string) Value { return c }), true
	case Markup:
		return vm.chars(string(v), func(c string) Value { return c }), true // str.__iter__ gives plain strings
	case *Iter:
		return func() (Value, bool) { vm.Step(1); return v.Next() }, true
	case *Undefined:
		return func() (Value, bool) { return nil, false }, true
	}
	return nil, false
}

func (vm *VM) ranked(n int, at func(int) Value) func() (Value, bool) {
	i := 0
	return func() (Value, bool) {
		vm.Step(1)
		if i == n {
			return nil, false
		}
		i++
		return at(i - 1), true
	}
}

func (vm *VM) chars(s string, wrap func(string) Value) func() (Value, bool) {
	return func() (Value, bool) {
		vm.Step(1)
		if s == "" {
			return nil, false
		}
		_, n := utf8.DecodeRuneInString(s)
		c := s[:n]
		s = s[n:]
		return wrap(c), true
	}
}

// MustIter is iter(v); what can't be iterated over is a TypeError.
func (vm *VM) MustIter(v Value) func() (Value, bool) {
	next, ok := vm.Iter(v)
	if !ok {
		Throw("TypeError", "'%s' object is not iterable", TypeName(v))
	}
	return next
}

// Items is list(v), possibly v's own items: not to be changed.
func (vm *VM) Items(v Value) []Value {
	switch v := v.(type) {
	case *List:
		vm.Step(1)
		return v.Items
	case *Tuple:
		vm.Step(1)
		return v.Items
	}
	next := vm.MustIter(v)
	var items []Value
	for item, ok := next(); ok; item, ok = next() {
		vm.Grow(1)
		items = append(items, item)
	}
	return items
}

// Generate returns an iterator of the given kind over what next gives.
func Generate(kind string, next func() (Value, bool)) *Iter { return &Iter{Kind: kind, Next: next} }

// Reversed is reversed(v); ok is false where v has no order to reverse.
func (vm *VM) Reversed(v Value) (it *Iter, ok bool) {
	switch v := v.(type) {
	case *List, *Tuple, *Dict, *View, *Range, *Undefined, string, Markup:
		items := vm.Items(v)
		i := len(items)
		return Generate("reversed", func() (Value, bool) {
			if i == 0 {
				return nil, false
			}
			i--
			return items[i], true
		}), true
	}
	return nil, false
}

// NewRange is range(...) of one to three whole numbers, of at most 100,000 values: the bound of Jinja's sandbox.
func NewRange(vm *VM, a Args) Value {
	p := a.Bind("range", "_start", "_stop?", "_step?")
	var n [3]int64
	for i := range p {
		if p[i] != nil {
			n[i] = vm.Index(p[i])
		}
	}
	start, stop, step := n[0], n[1], n[2]
	if p[1] == nil {
		start, stop = 0, start
	}
	if p[2] == nil {
		step = 1
	}
	if step == 0 {
		Throw("ValueError", "range() arg 3 must not be zero")
	}
	const bound = 1 << 40 // keeps the arithmetic below inside int64
	for _, x := range []int64{start, stop, step} {
		if x > bound || x < -bound {
			Throw("OverflowError", "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).")
		}
	}
	size := int64(0)
	switch {
	case step > 0 && stop > start:
		size = (stop-start-1)/step + 1
	case step < 0 && stop < start:
		size = (start-stop-1)/-step + 1
	}
	if size > 100000 {
		Throw("OverflowError", "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).")
	}
	return &Range{start, stop, step, size}
}

// Hashable raises a TypeError where v can be no key.
func Hashable(v Value) {
	if _, ok := hashKey(v, 0); !ok {
		Throw("TypeError", "unhashable type: '%s'", TypeName(v))
	}
}

// Order is -1, 0 or 1 as a is before, level with or after b, by a < b and b < a alone, as Python's sort has it.
func (vm *VM) Order(a, b Value) int {
	switch {
	case vm.Compare("<", a, b):
		return -1
	case vm.Compare("<", b, a):
		return 1
	}
	return 0
}
