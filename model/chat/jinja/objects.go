package jinja

import (
	"fmt"
	"strings"

	"github.com/steelyard-ml/steelyard/model/chat/py"
)

// globals are the names that every template knows. Lorem ipsum is random, so it is only named.
func globals() map[string]py.Value {
	function := func(name string, call func(vm *py.VM, a py.Args) py.Value) *py.Func {
		return &py.Func{Name: name, Call: call}
	}
	return map[string]py.Value{
		"range": function("range", py.NewRange),
		"dict":  dictType{},
		"namespace": function("namespace", func(vm *py.VM, a py.Args) py.Value {
			n := &namespace{py.DictOf(vm, a)}
			for i := range n.attrs.Len() {
				name, _ := n.attrs.Entry(i)
				checkAttribute(vm, name)
			}
			return n
		}),
		"cycler": function("cycler", newCycler),
		"joiner": function("joiner", newJoiner),
		"lipsum": function("lipsum", func(*py.VM, py.Args) py.Value {
			py.Throw("TypeError", "lipsum is not supported: its text is random")
			return nil
		}),
	}
}

// compiled is where transformers defines the types that take the place of Jinja's.
const compiled = "transformers.utils.chat_template_utils."

// A dictType is the global dict: transformers leaves a template its two ways to make a dict.
type dictType struct{}

func (dictType) Type() string { return compiled + "TemplateDict" }

func (dictType) Call(vm *py.VM, a py.Args) py.Value { return py.DictOf(vm, a) }

func (dictType) Attr(_ *py.VM, name string) (py.Value, bool) {
	if name != "fromkeys" {
		return nil, false
	}
	return &py.Func{Name: name, Call: func(vm *py.VM, a py.Args) py.Value {
		p := a.Bind(name, "_iterable", "_value?")
		d, value := py.NewDict(), p[1]
		if value == nil {
			value = py.None
		}
		for _, key := range vm.Items(p[0]) {
			vm.Grow(2)
			vm.Key(key)
			d.Set(key, value)
		}
		return d
	}}, true
}

func (dictType) Repr(*py.VM) string {
	py.Throw("TypeError", "printing dict: its text in Python is an address in memory")
	return ""
}

// A namespace is the one value whose attributes a template may set.
type namespace struct{ attrs *py.Dict }

// checkAttribute refuses the names that transformers' namespaces refuse: what begins with an underscore is Python's own.
func checkAttribute(vm *py.VM, name py.Value) {
	if text, ok := py.Text(name); ok && strings.HasPrefix(text, "_") {
		py.Throw("SecurityError", "Chat templates cannot store underscore-prefixed attributes on a namespace, but got %s. Please rename the attribute.",
			vm.Repr(name))
	}
}

func (n *namespace) Type() string { return compiled + "TemplateNamespace" }

func (n *namespace) Attr(_ *py.VM, name string) (py.Value, bool) { return n.attrs.Get(name) }

func (n *namespace) Repr(vm *py.VM) string { return "<Namespace " + vm.Repr(n.attrs) + ">" }

// A cycler gives its items round and round.
type cycler struct {
	items []py.Value
	pos   int
}

func newCycler(_ *py.VM, a py.Args) py.Value {
	if len(a.Pos) == 0 || len(a.Kw) > 0 {
		py.Throw("RuntimeError", "at least one item has to be provided")
	}
	return &cycler{items: a.Pos}
}

func (c *cycler) Type() string { return "jinja2.utils.Cycler" }

func (c *cycler) Repr(*py.VM) string {
	py.Throw("TypeError", "printing a Cycler: its text in Python is an address in memory")
	return ""
}

func (c *cycler) Attr(_ *py.VM, name string) (py.Value, bool) {
	switch name {
	case "next":
		return &py.Func{Name: name, Call: func(_ *py.VM, a py.Args) py.Value {
			a.Bind(name)
			v := c.items[c.pos]
			c.pos = (c.pos + 1) % len(c.items)
			return v
		}}, true
	case "reset":
		return &py.Func{Name: name, Call: func(_ *py.VM, a py.Args) py.Value {
			a.Bind(name)
			c.pos = 0
			return py.None
		}}, true
	case "current":
		return c.items[c.pos], true
	case "pos":
		return int64(c.pos), true
	case "items":
		return py.NewTuple(c.items...), true
	}
	return nil, false
}

// newJoiner returns a function that gives "" at first and then always the separator.
func newJoiner(_ *py.VM, a py.Args) py.Value {
	sep := a.Bind("joiner", "sep?")[0]
	if sep == nil {
		sep = ", "
	}
	used := false
	return &py.Func{Name: "joiner", Call: func(_ *py.VM, a py.Args) py.Value {
		a.Bind("joiner")
		if !used {
			used = true
			return ""
		}
		return sep
	}}
}

// A macroValue is a macro or a caller, bound to the frame it was defined in.
type macroValue struct {
	run  *Run
	def  *macro
	home *frame
}

func (r *Run) newMacro(def *macro) *macroValue { return &macroValue{r, def, r.frame} }

func (m *macroValue) Type() string { return "jinja2.runtime.Macro" }

func (m *macroValue) Repr(vm *py.VM) string {
	if m.def.name == "" {
		return "<Macro anonymous>"
	}
	return "<Macro " + vm.Repr(m.def.name) + ">"
}

func (m *macroValue) Attr(_ *py.VM, name string) (py.Value, bool) {
	switch name {
	case "name":
		if m.def.name == "" {
			return py.None, true
		}
		return m.def.name, true
	case "arguments":
		t := py.NewTuple()
		for _, arg := range m.def.args {
			t.Items = append(t.Items, arg.id)
		}
		return t, true
	case "catch_kwargs":
		return m.def.kwargs != nil, true
	case "catch_varargs":
		return m.def.varargs != nil, true
	case "caller":
		return m.def.caller != nil, true
	}
	return nil, false
}

// Call binds the arguments as Jinja's Macro does and returns the text of the body.
func (m *macroValue) Call(_ *py.VM, a py.Args) py.Value {
	r, def := m.run, m.def
	f := r.newFrame(def.fn, m.home)
	pos := a.Pos
	kw := append([]py.Kwarg(nil), a.Kw...)
	pop := func(id string) py.Value {
		for i, k := range kw {
			if k.Name == id {
				kw = append(kw[:i], kw[i+1:]...)
				return k.Value
			}
		}
		return nil
	}
	values := make([]py.Value, len(def.args))
	for i, arg := range def.args {
		if i < len(pos) {
			values[i] = pos[i]
		} else {
			values[i] = pop(arg.id)
		}
	}
	rest := pos[min(len(pos), len(values)):]
	var caller py.Value
	if def.caller != nil {
		if caller = pop("caller"); caller == nil || caller == py.None {
			caller = &py.Undefined{Hint: "No caller defined", Name: "caller"}
		}
	}
	if len(kw) > 0 && def.kwargs == nil {
		py.Throw("TypeError", "macro '%s' takes no keyword argument '%s'", def.name, kw[0].Name)
	}
	if len(rest) > 0 && def.varargs == nil {
		py.Throw("TypeError", "macro '%s' takes not more than %d argument(s)", def.name, len(def.args))
	}
	text := ""
	r.within(f, func() {
		r.enter(def.scope)
		for i, arg := range def.args {
			*r.at(arg.where) = values[i]
		}
		r.special(def.caller, caller)
		if def.kwargs != nil {
			r.special(def.kwargs, py.DictOf(r.VM, py.Args{Kw: kw}))
		}
		r.special(def.varargs, py.NewTuple(rest...))
		r.defaults(def)
		text = r.capture(func() { r.exec(def.body) })
	})
	return text
}

func (r *Run) special(n *name, v py.Value) {
	if n != nil {
		*r.at(n.where) = v
	}
}

// defaults fills in the arguments that were not given.
func (r *Run) defaults(def *macro) {
	first := len(def.args) - len(def.defaults)
	for i, arg := range def.args {
		slot := r.at(arg.where)
		switch {
		case *slot != nil:
		case i >= first:
			*slot = r.eval(def.defaults[i-first])
		default:
			*slot = &py.Undefined{Hint: fmt.Sprintf("parameter %s was not provided", r.VM.Repr(arg.id)), Name: arg.id}
		}
	}
}

// A loop is the variable loop of a for statement.
type loop struct {
	run     *Run
	items   py.Value // what is looped over, if its length may be asked for
	next    func() (py.Value, bool)
	recurse func(items py.Value, depth int) string // nil unless recursive

	index0, depth0  int
	length          int // 1 more than it is, so that 0 is unknown
	before, current py.Value
	after           []py.Value // items taken from next ahead of time
	ended           bool       // next has no more
	changedTo       *py.Tuple
}

func (l *loop) advance() (py.Value, bool) {
	if !l.peek() {
		return nil, false
	}
	l.before, l.current = l.current, l.after[0]
	l.after = l.after[1:]
	l.index0++
	return l.current, true
}

// peek takes one item ahead, if there is one.
func (l *loop) peek() bool {
	if len(l.after) == 0 && !l.ended {
		item, ok := l.next()
		if !ok {
			l.ended = true
			return false
		}
		l.after = append(l.after, item)
	}
	return len(l.after) > 0
}

// Len is loop.length. What has no length is read to its end.
func (l *loop) Len(vm *py.VM) int {
	if l.length == 0 {
		n, ok := 0, false
		if l.items != nil {
			n, ok = vm.Len(l.items)
		}
		if !ok {
			for item, more := l.next(); more; item, more = l.next() {
				vm.Grow(1)
				l.after = append(l.after, item)
			}
			l.ended = true
			n = l.index0 + 1 + len(l.after)
		}
		l.length = n + 1
	}
	return l.length - 1
}

func (l *loop) Type() string { return "jinja2.runtime.LoopContext" }

func (l *loop) Repr(vm *py.VM) string {
	return fmt.Sprintf("<LoopContext %d/%d>", l.index0+1, l.Len(vm))
}

func (l *loop) Attr(vm *py.VM, name string) (py.Value, bool) {
	whole := func(n int) (py.Value, bool) { return int64(n), true }
	switch name {
	case "index":
		return whole(l.index0 + 1)
	case "index0":
		return whole(l.index0)
	case "length":
		return whole(l.Len(vm))
	case "revindex":
		return whole(l.Len(vm) - l.index0)
	case "revindex0":
		return whole(l.Len(vm) - l.index0 - 1)
	case "depth":
		return whole(l.depth0 + 1)
	case "depth0":
		return whole(l.depth0)
	case "first":
		return l.index0 == 0, true
	case "last":
		return !l.peek(), true
	case "previtem":
		if l.index0 == 0 {
			return &py.Undefined{Hint: "there is no previous item"}, true
		}
		return l.before, true
	case "nextitem":
		if !l.peek() {
			return &py.Undefined{Hint: "there is no next item"}, true
		}
		return l.after[0], true
	case "cycle":
		return &py.Func{Name: name, Call: func(_ *py.VM, a py.Args) py.Value {
			if len(a.Pos) == 0 {
				py.Throw("TypeError", "no items for cycling given")
			}
			return a.Pos[l.index0%len(a.Pos)]
		}}, true
	case "changed":
		return &py.Func{Name: name, Call: func(vm *py.VM, a py.Args) py.Value {
			now := py.NewTuple(a.Pos...)
			changed := l.changedTo == nil || !vm.Equal(l.changedTo, now)
			l.changedTo = now
			return changed
		}}, true
	}
	return nil, false
}

// Call runs a recursive loop over more items.
func (l *loop) Call(_ *py.VM, a py.Args) py.Value {
	items := a.Bind("loop", "iterable")[0]
	if l.recurse == nil {
		py.Throw("TypeError", "The loop must have the 'recursive' marker to be called recursively.")
	}
	return l.recurse(items, l.depth0+1)
}
