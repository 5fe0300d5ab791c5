package py

import (
	"math"
	"math/big"
	"slices"
	"strings"
)

// Access is what the immutable sandbox says of an attribute.
type Access int

const (
	Missing Access = iota
	Found
	Unsafe // there in Python, but not for templates
)

var (
	listMutators = []string{"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"}
	dictMutators = []string{"clear", "pop", "popitem", "setdefault", "update"}
)

// Attr is getattr(v, name). What begins with two underscores counts as there, and as unsafe.
func (vm *VM) Attr(v Value, name string) (Value, Access) {
	vm.Step(1)
	if u, ok := v.(*Undefined); ok {
		u.Fail()
	}
	if strings.HasPrefix(name, "__") && strings.HasSuffix(name, "__") {
		return nil, Unsafe
	}
	var found Value
	switch v := v.(type) {
	case string:
		if m := findStrMethod(name); m != nil {
			found = bound(name, func(vm *VM, a Args) Value { return m(vm, v, a) })
		}
	case Markup:
		if m := findStrMethod(name); m != nil {
			found = bound(name, func(vm *VM, a Args) Value { return vm.markupMethod(name, m, string(v), a) })
		}
	case *Dict:
		if slices.Contains(dictMutators, name) {
			return nil, Unsafe
		}
		if m := dictMethod(name); m != nil {
			found = bound(name, func(vm *VM, a Args) Value { return m(vm, v, a) })
		}
	case *List:
		if slices.Contains(listMutators, name) {
			return nil, Unsafe
		}
		if name == "copy" {
			found = bound(name, func(vm *VM, a Args) Value {
				a.Bind(name)
				return &List{Items: vm.joined(v.Items, nil)}
			})
		} else {
			found = sequenceMethod(name, v)
		}
	case *Tuple:
		if i := slices.Index(v.Names, name); i >= 0 {
			return v.Items[i], Found
		}
		found = sequenceMethod(name, v)
	case *Range:
		switch name {
		case "start":
			found = v.Start
		case "stop":
			found = v.Stop
		case "step":
			found = v.Step
		default:
			found = sequenceMethod(name, v)
		}
	case bool, int64, *big.Int, float64:
		found = numberAttr(v, name)
	case Object:
		if got, ok := v.Attr(vm, name); ok {
			found = got
		}
	}
	if found == nil {
		return nil, Missing
	}
	if name[0] == '_' {
		return nil, Unsafe
	}
	return found, Found
}

func bound(name string, f func(vm *VM, a Args) Value) *Func { return &Func{Name: name, Call: f} }

func sequenceMethod(name string, v Value) Value {
	switch name {
	case "count":
		return bound(name, func(vm *VM, a Args) Value {
			want, n := a.Bind(name, "_value")[0], int64(0)
			for _, item := range vm.Items(v) {
				if vm.same(item, want) {
					n++
				}
			}
			return n
		})
	case "index":
		return bound(name, func(vm *VM, a Args) Value {
			p := a.Bind(name, "_value", "_start?", "_end?")
			items := vm.Items(v)
			from, _, _, n := vm.sliceBounds(len(items), p[1], p[2], nil)
			for i, item := range items[from : from+n] {
				if vm.same(item, p[0]) {
					return int64(from + i)
				}
			}
			Throw("ValueError", "%s is not in list", vm.Repr(p[0]))
			return nil
		})
	}
	return nil
}

func numberAttr(v Value, name string) Value {
	f, isFloat := v.(float64)
	n, _ := whole(v)
	switch {
	case name == "real" && isFloat:
		return f
	case name == "real" || name == "numerator" && !isFloat:
		return norm(n)
	case name == "imag" && isFloat:
		return 0.0
	case name == "imag":
		return int64(0)
	case name == "denominator" && !isFloat:
		return int64(1)
	case name == "is_integer" && isFloat:
		return bound(name, func(_ *VM, a Args) Value { a.Bind(name); return f == math.Trunc(f) && !math.IsInf(f, 0) })
	case name == "bit_length" && !isFloat:
		return bound(name, func(_ *VM, a Args) Value { a.Bind(name); return int64(n.BitLen()) })
	}
	return nil
}

// markupMethod calls a method of str on a Markup: text that goes in is escaped, text that comes out is Markup again.
func (vm *VM) markupMethod(name string, m strMethod, s string, a Args) Value {
	switch name {
	case "format":
		return Markup(vm.Format(s, a, true))
	case "format_map":
		return Markup(vm.formatMap(s, a.Bind(name, "_mapping")[0], true))
	case "replace":
		if len(a.Pos) > 1 {
			a.Pos = slices.Clone(a.Pos)
			a.Pos[1] = string(vm.Escape(a.Pos[1]))
		}
	case "join":
		if len(a.Pos) == 1 {
			var parts []Value
			for _, item := range vm.Items(a.Pos[0]) {
				parts = append(parts, string(vm.Escape(item)))
			}
			a.Pos = []Value{NewList(parts...)}
		}
	}
	return remark(m(vm, s, a))
}

func remark(v Value) Value {
	all := func(items []Value) []Value {
		made := make([]Value, len(items))
		for i, item := range items {
			made[i] = remark(item)
		}
		return made
	}
	switch v := v.(type) {
	case string:
		return Markup(v)
	case *List:
		return &List{Items: all(v.Items)}
	case *Tuple:
		return &Tuple{Items: all(v.Items)}
	}
	return v
}

// GetAttr is v.name in a template: the attribute, else the item.
func (vm *VM) GetAttr(v Value, name string) Value {
	found, access := vm.Attr(v, name)
	switch access {
	case Found:
		return found
	case Unsafe:
		return unsafe(v, name)
	}
	if item, ok := vm.Subscript(v, name); ok {
		return item
	}
	return &Undefined{Obj: v, Name: name}
}

// GetItem is v[key] in a template: the item, else the attribute.
func (vm *VM) GetItem(v, key Value) Value {
	if item, ok := vm.Subscript(v, key); ok {
		return item
	}
	if name, ok := Text(key); ok {
		found, access := vm.Attr(v, name)
		switch access {
		case Found:
			return found
		case Unsafe:
			return unsafe(v, name)
		}
	}
	return &Undefined{Obj: v, Name: key}
}

func unsafe(v Value, name string) *Undefined {
	text := "access to attribute " + quote(name) + " of " + quote(TypeName(v)) + " object is unsafe."
	return &Undefined{Hint: text, Obj: v, Name: name, Kind: "SecurityError"}
}
