package jinja

import (
	"fmt"
	"strings"

	"github.com/steelyard-ml/steelyard/model/chat/py"
)

// A Filter is value|name(args).
type Filter func(r *Run, v py.Value, a py.Args) py.Value

// A Test is value is name(args).
type Test func(r *Run, v py.Value, a py.Args) bool

// An Environment is what templates may use. It must not change once it has parsed a template.
type Environment struct {
	Filters map[string]Filter
	Tests   map[string]Test
	Globals map[string]py.Value
}

// NewEnvironment returns an environment with these filters and tests and Jinja's own globals.
func NewEnvironment(filters map[string]Filter, tests map[string]Test) *Environment {
	return &Environment{Filters: filters, Tests: tests, Globals: globals()}
}

// An Error is why a template could not be parsed or rendered.
type Error struct {
	Line    int    // in the template, from 1
	Kind    string // Python's or Jinja's class of exception, as "TemplateSyntaxError"
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s: %s", e.Line, e.Kind, e.Message) }

// MaxSource is the size of the largest template that is parsed, in bytes.
const MaxSource = 256 << 10

// A Template is a parsed template. It is safe for concurrent use.
type Template struct {
	env   *Environment
	fn    *function
	scope *scope
	body  []stmt
}

// Parse reads a template; what is wrong with it is an [*Error].
func (env *Environment) Parse(source string) (t *Template, err error) {
	if len(source) > MaxSource {
		return nil, &Error{1, "TemplateSyntaxError", fmt.Sprintf("a template of %d bytes; at most %d are read", len(source), MaxSource)}
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *Error:
			t, err = nil, r
		default:
			panic(r)
		}
	}()
	p := &parser{tokens: lex(source)}
	body := p.statements()
	fn, sc := resolve(env, body)
	return &Template{env, fn, sc, body}, nil
}

// Render returns the template's text for the variables, an [*Error] where it fails. vm bounds what that may cost.
func (t *Template) Render(vm *py.VM, vars *py.Dict) (text string, err error) {
	r := &Run{VM: vm, env: t.env, vars: vars, line: 1, out: &strings.Builder{}}
	if e := py.Catch(func() {
		r.frame = r.newFrame(t.fn, nil)
		r.enter(t.scope)
		r.exec(t.body)
	}); e != nil {
		return "", &Error{r.line, e.Kind, e.Message}
	}
	return r.out.String(), nil
}

// A Run is one rendering.
type Run struct {
	VM *py.VM

	env   *Environment
	vars  *py.Dict
	frame *frame
	out   *strings.Builder
	line  int // of what is being evaluated
}

// A frame holds the variables of a running function.
type frame struct {
	slots []py.Value // nil where a variable has no value
	outer *frame
}

func (r *Run) newFrame(fn *function, outer *frame) *frame {
	r.VM.Grow(fn.slots)
	return &frame{make([]py.Value, fn.slots), outer}
}

func (r *Run) at(p place) *py.Value {
	f := r.frame
	for range p.out {
		f = f.outer
	}
	return &f.slots[p.slot]
}

func (r *Run) enter(s *scope) {
	r.VM.Step(len(s.loads))
	for _, l := range s.loads {
		slot := &r.frame.slots[l.slot]
		switch l.kind {
		case asAlias:
			*slot = *r.at(l.from)
		case asResolved:
			*slot = r.lookup(l.id)
		default:
			*slot = nil
		}
	}
}

func (r *Run) leave(s *scope) {
	r.VM.Step(len(s.all))
	for _, slot := range s.all {
		r.frame.slots[slot] = nil
	}
}

func (r *Run) lookup(id string) py.Value {
	if v, ok := r.vars.Get(id); ok {
		return v
	}
	return r.env.Globals[id]
}

// within runs f as part of another function's frame.
func (r *Run) within(f *frame, do func()) {
	before := r.frame
	r.frame = f
	do()
	r.frame = before
}

// capture returns what do writes.
func (r *Run) capture(do func()) string {
	before := r.out
	r.out = &strings.Builder{}
	do()
	text := r.out.String()
	r.out = before
	return text
}

func (r *Run) write(s string) {
	r.VM.Build(len(s))
	r.out.WriteString(s)
}
