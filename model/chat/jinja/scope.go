package jinja

import "slices"

// The scope pass finds out where every name lives, as Jinja's compiler does: a name belongs to the innermost scope that assigns it,
// and each scope starts with what its names hold outside. Scopes of one function (the template, a macro, a recursive loop, the test of
// a loop) share one array of slots; a function sees the slots of the functions around it as they are when it runs.

// A function is what has slots of its own.
type function struct {
	depth int
	slots int
}

// A place is a slot: of the current function, or of the function that many levels out.
type place struct{ out, slot int }

// A variable is a name in one scope.
type variable struct {
	fn   *function
	slot int
}

// A scope is what a block does to its variables when it is entered and left.
type scope struct {
	loads []loadStep
	all   []int // slots to clear
}

type loadKind int

const (
	asParameter loadKind = iota // someone sets it
	asUndefined
	asResolved // from the template's variables and globals
	asAlias    // from the scope outside
)

type loadStep struct {
	slot int
	kind loadKind
	id   string
	from place
}

// symbols are the names of a scope while it is analysed.
type symbols struct {
	parent *symbols
	fn     *function
	made   map[string]*variable // by name; shared by the copies for branches
	refs   map[string]*variable
	loads  map[*variable]symbolLoad
	stores map[string]bool
}

type symbolLoad struct {
	kind loadKind
	id   string
	from *variable
}

func newSymbols(parent *symbols, fn *function) *symbols {
	return &symbols{parent, fn, map[string]*variable{}, map[string]*variable{}, map[*variable]symbolLoad{}, map[string]bool{}}
}

func (s *symbols) find(id string) *variable {
	for ; s != nil; s = s.parent {
		if v := s.refs[id]; v != nil {
			return v
		}
	}
	return nil
}

func (s *symbols) define(id string, l symbolLoad) {
	v := s.made[id]
	if v == nil {
		v = &variable{s.fn, s.fn.slots}
		s.fn.slots++
		s.made[id] = v
	}
	s.refs[id] = v
	s.loads[v] = l
}

func (s *symbols) load(id string) {
	if s.find(id) == nil {
		s.define(id, symbolLoad{kind: asResolved, id: id})
	}
}

func (s *symbols) store(id string) {
	s.stores[id] = true
	if s.refs[id] != nil {
		return
	}
	if outer := s.parent.find(id); outer != nil {
		s.define(id, symbolLoad{kind: asAlias, from: outer})
		return
	}
	s.define(id, symbolLoad{kind: asUndefined})
}

func (s *symbols) parameter(id string) {
	s.stores[id] = true
	s.define(id, symbolLoad{kind: asParameter})
}

func (s *symbols) copy() *symbols {
	c := newSymbols(s.parent, s.fn)
	c.made = s.made
	c.take(s)
	return c
}

func (s *symbols) take(o *symbols) {
	for id, v := range o.refs {
		s.refs[id] = v
	}
	for v, l := range o.loads {
		s.loads[v] = l
	}
	for id := range o.stores {
		s.stores[id] = true
	}
}

// merge takes over what the branches of an if did: what only some of them assign keeps its outer value in the others.
func (s *symbols) merge(branches []*symbols) {
	stored := map[string]bool{}
	for _, b := range branches {
		for id := range b.stores {
			if !s.stores[id] {
				stored[id] = true
			}
		}
	}
	for _, b := range branches {
		s.take(b)
	}
	for id := range stored {
		if outer := s.parent.find(id); outer != nil {
			s.loads[s.find(id)] = symbolLoad{kind: asAlias, from: outer}
		} else {
			s.loads[s.find(id)] = symbolLoad{kind: asResolved, id: id}
		}
	}
}

// name analyses one name by its use.
func (s *symbols) name(n *name) {
	switch n.use {
	case load:
		s.load(n.id)
	case store:
		s.store(n.id)
	default:
		s.parameter(n.id)
	}
}

func (s *symbols) names(es ...expr) {
	for _, e := range es {
		eachName(e, s.name)
	}
}

// statements analyses what a scope's own statements do to its names; blocks with scopes of their own show only their edges.
func (s *symbols) statements(body []stmt) {
	for _, st := range body {
		switch st := st.(type) {
		case *output:
			s.names(st.x)
		case *setStmt:
			s.names(st.value, st.target)
		case *setBlock:
			s.names(st.target)
		case *ifStmt:
			s.branches(st)
		case *forStmt:
			s.names(st.iter)
		case *macroStmt:
			s.store(st.target.id)
		case *callBlock:
			if st.call != nil {
				s.names(st.call)
			}
		case *filterBlock:
			s.names(st.filter)
		case *withStmt:
			s.names(st.values...)
		}
	}
}

// branches sees "if, elif, elif, else" as Jinja's tree has it: the tests of the elifs belong to one branch that holds them all.
func (s *symbols) branches(st *ifStmt) {
	s.names(st.tests[0])
	then, elifs, other := s.copy(), s.copy(), s.copy()
	then.statements(st.thens[0])
	for i := range st.tests[1:] {
		elifs.branches(&ifStmt{tests: st.tests[i+1 : i+2], thens: st.thens[i+1 : i+2]})
	}
	other.statements(st.other)
	s.merge([]*symbols{then, elifs, other})
}

// scope is what entering and leaving means at run time.
func (s *symbols) scope() *scope {
	sc := &scope{}
	for v, l := range s.loads {
		sc.all = append(sc.all, v.slot)
		step := loadStep{slot: v.slot, kind: l.kind, id: l.id}
		if l.kind == asAlias {
			step.from = l.from.seenFrom(s.fn)
		}
		if l.kind != asParameter {
			sc.loads = append(sc.loads, step)
		}
	}
	slices.Sort(sc.all)
	slices.SortFunc(sc.loads, func(a, b loadStep) int { return a.slot - b.slot })
	return sc
}

func (v *variable) seenFrom(fn *function) place { return place{fn.depth - v.fn.depth, v.slot} }
