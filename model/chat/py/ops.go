package py

import (
	"math"
	"strings"
	"unicode/utf8"
)

// Binary is a op b for + - * / // % and **.
func (vm *VM) Binary(op string, a, b Value) Value {
	vm.Step(1)
	if s, ok := a.(string); ok && op == "%" {
		return vm.Percent(s, b)
	}
	if s, ok := a.(Markup); ok && op == "%" {
		return Markup(vm.percent(string(s), b, vm.escapeText))
	}
	for _, v := range [...]Value{a, b} {
		if u, ok := v.(*Undefined); ok {
			u.Fail()
		}
	}
	switch {
	case IsNumber(a) && IsNumber(b):
		return vm.arith(op, a, b)
	case op == "+":
		if v := vm.concat(a, b); v != nil {
			return v
		}
	case op == "*":
		if _, ok := whole(a); ok {
			a, b = b, a
		}
		if _, ok := whole(b); ok {
			if v := vm.repeat(a, vm.Index(b)); v != nil {
				return v
			}
		}
	}
	Throw("TypeError", "unsupported operand type(s) for %s: '%s' and '%s'", op, TypeName(a), TypeName(b))
	return nil
}

// concat is a + b of two sequences of one type, or nil.
func (vm *VM) concat(a, b Value) Value {
	switch x := a.(type) {
	case string:
		switch y := b.(type) {
		case string:
			vm.Build(len(x) + len(y))
			return x + y
		case Markup:
			return vm.Escape(x) + y
		}
	case Markup:
		if _, ok := Text(b); ok {
			y := vm.Escape(b)
			vm.Build(len(x) + len(y))
			return x + y
		}
	case *List:
		if y, ok := b.(*List); ok {
			return &List{Items: vm.joined(x.Items, y.Items)}
		}
	case *Tuple:
		if y, ok := b.(*Tuple); ok {
			return &Tuple{Items: vm.joined(x.Items, y.Items)}
		}
	}
	return nil
}

func (vm *VM) joined(a, b []Value) []Value {
	vm.Grow(len(a) + len(b))
	return append(append(make([]Value, 0, len(a)+len(b)), a...), b...)
}

// repeat is v * n of a sequence, or nil.
func (vm *VM) repeat(v Value, n int64) Value {
	if n == math.MaxInt64 {
		Throw("OverflowError", "cannot fit 'int' into an index-sized integer")
	}
	n = max(n, 0)
	times := func(size int) int {
		if size == 0 {
			return 0
		}
		if n > math.MaxInt32 {
			Throw("ResourceError", "the template builds too much text")
		}
		return int(n)
	}
	switch v := v.(type) {
	case string:
		vm.Build(len(v) * times(len(v)))
		return strings.Repeat(v, times(len(v)))
	case Markup:
		vm.Build(len(v) * times(len(v)))
		return Markup(strings.Repeat(string(v), times(len(v))))
	case *List:
		return &List{Items: vm.repeated(v.Items, times(len(v.Items)))}
	case *Tuple:
		return &Tuple{Items: vm.repeated(v.Items, times(len(v.Items)))}
	}
	return nil
}

func (vm *VM) repeated(items []Value, n int) []Value {
	vm.Grow(len(items) * n)
	made := make([]Value, 0, len(items)*n)
	for range n {
		made = append(made, items...)
	}
	return made
}

// Is is a is b: identity, where equal small values count as identical.
func Is(a, b Value) bool {
	switch x := a.(type) {
	case int64, bool, string, noneType, Markup, *List, *Tuple, *Dict, *Range, *View, *Iter, *Func, *Undefined:
		return a == b
	case Object:
		return a == b
	case float64:
		y, ok := b.(float64)
		return ok && x == y
	}
	return false
}

// Equal is a == b.
func (vm *VM) Equal(a, b Value) bool {
	vm.Step(1)
	if IsNumber(a) && IsNumber(b) {
		order, ok := cmpNumbers(a, b)
		return ok && order == 0
	}
	if x, ok := Text(a); ok {
		y, ok := Text(b)
		if ok && len(x) == len(y) {
			vm.Scan(len(x))
			return x == y
		}
		return false
	}
	switch x := a.(type) {
	case *List:
		y, ok := b.(*List)
		return ok && (x == y || vm.equalItems(x.Items, y.Items))
	case *Tuple:
		y, ok := b.(*Tuple)
		return ok && (x == y || vm.equalItems(x.Items, y.Items))
	case *Range:
		y, ok := b.(*Range)
		return ok && x.Len == y.Len && (x.Len == 0 || x.Start == y.Start && (x.Len == 1 || x.Step == y.Step))
	case *Dict:
		y, ok := b.(*Dict)
		return ok && (x == y || vm.equalDicts(x, y))
	case *Undefined:
		_, ok := b.(*Undefined)
		return ok
	}
	return Is(a, b)
}

func (vm *VM) same(a, b Value) bool { return Is(a, b) || vm.Equal(a, b) }

func (vm *VM) equalItems(a, b []Value) bool {
	if len(a) != len(b) {
		return false
	}
	vm.Enter()
	defer vm.Leave()
	for i := range a {
		if !vm.same(a[i], b[i]) {
			return false
		}
	}
	return true
}

func (vm *VM) equalDicts(a, b *Dict) bool {
	if a.Len() != b.Len() {
		return false
	}
	vm.Enter()
	defer vm.Leave()
	for _, e := range a.entries {
		i := b.find(e.hash)
		if i < 0 || !vm.same(e.value, b.entries[i].value) {
			return false
		}
	}
	return true
}

// Compare is a op b for < <= > and >=.
func (vm *VM) Compare(op string, a, b Value) bool {
	vm.Step(1)
	for _, v := range [...]Value{a, b} {
		if u, ok := v.(*Undefined); ok {
			u.Fail()
		}
	}
	if IsNumber(a) && IsNumber(b) {
		order, ok := cmpNumbers(a, b)
		return ok && holds(op, order)
	}
	if x, ok := Text(a); ok {
		if y, ok := Text(b); ok {
			vm.Scan(min(len(x), len(y)))
			return holds(op, strings.Compare(x, y)) // UTF-8 sorts as code points do
		}
	}
	switch x := a.(type) {
	case *List:
		if y, ok := b.(*List); ok {
			return vm.compareItems(op, x.Items, y.Items)
		}
	case *Tuple:
		if y, ok := b.(*Tuple); ok {
			return vm.compareItems(op, x.Items, y.Items)
		}
	}
	Throw("TypeError", "'%s' not supported between instances of '%s' and '%s'", op, TypeName(a), TypeName(b))
	return false
}

func (vm *VM) compareItems(op string, a, b []Value) bool {
	vm.Enter()
	defer vm.Leave()
	for i := range min(len(a), len(b)) {
		if !vm.same(a[i], b[i]) {
			return vm.Compare(op, a[i], b[i])
		}
	}
	return holds(op, len(a)-len(b))
}

func holds(op string, order int) bool {
	switch op {
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order >= 0
}

// Contains is item in v.
func (vm *VM) Contains(v, item Value) bool {
	vm.Step(1)
	if text, ok := Text(v); ok {
		part, ok := Text(item)
		if !ok {
			Throw("TypeError", "'in <string>' requires string as left operand, not %s", TypeName(item))
		}
		vm.Scan(len(text))
		return strings.Contains(text, part)
	}
	d, isDict := v.(*Dict)
	if view, ok := v.(*View); ok && view.kind == viewKeys {
		d, isDict = view.dict, true
	}
	if isDict {
		vm.Key(item)
		h, ok := hashKey(item, 0)
		if !ok {
			Throw("TypeError", "unhashable type: '%s'", TypeName(item))
		}
		return d.find(h) >= 0
	}
	next, ok := vm.Iter(v)
	if !ok {
		Throw("TypeError", "argument of type '%s' is not iterable", TypeName(v))
	}
	for got, ok := next(); ok; got, ok = next() {
		if vm.same(got, item) {
			return true
		}
	}
	return false
}

// Subscript is v[key]; ok is false where Python raises a TypeError or a LookupError.
func (vm *VM) Subscript(v, key Value) (item Value, ok bool) {
	vm.Step(1)
	switch v := v.(type) {
	case *Dict:
		vm.Key(key)
		return v.Get(key)
	case *Undefined:
		v.Fail()
	}
	n, isIndex := small(key)
	if !isIndex {
		return nil, false
	}
	at := func(size int) (int, bool) {
		if n < 0 {
			n += int64(size)
		}
		return int(n), n >= 0 && n < int64(size)
	}
	switch v := v.(type) {
	case *List:
		if i, ok := at(len(v.Items)); ok {
			return v.Items[i], true
		}
	case *Tuple:
		if i, ok := at(len(v.Items)); ok {
			return v.Items[i], true
		}
	case *Range:
		if i, ok := at(int(v.Len)); ok {
			return v.Start + int64(i)*v.Step, true
		}
	case string:
		c, ok := vm.char(v, n)
		return c, ok
	case Markup:
		c, ok := vm.char(string(v), n)
		return Markup(c), ok
	}
	return nil, false
}

// char is s[n] by code points.
func (vm *VM) char(s string, n int64) (string, bool) {
	vm.Scan(len(s))
	if n < 0 {
		for n++; n < 0 && s != ""; n++ {
			_, w := utf8.DecodeLastRuneInString(s)
			s = s[:len(s)-w]
		}
		_, w := utf8.DecodeLastRuneInString(s)
		return s[len(s)-w:], w > 0
	}
	for ; n > 0 && s != ""; n-- {
		_, w := utf8.DecodeRuneInString(s)
		s = s[w:]
	}
	_, w := utf8.DecodeRuneInString(s)
	return s[:w], w > 0
}
