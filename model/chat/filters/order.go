package filters

import (
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/model/chat/jinja"
	"github.com/steelyard-ml/steelyard/model/chat/py"
)

// textCase says whether text is compared as it is or in lower case.
type textCase int

const (
	asIs textCase = iota
	folded
)

// caseOf reads an argument case_sensitive.
func caseOf(r *jinja.Run, sensitive py.Value) textCase {
	if r.VM.Truth(sensitive) {
		return asIs
	}
	return folded
}

// getter returns what "attribute" of map, sort and others means: item.a.0.b for "a.0.b". fallback, unless nil, replaces what is undefined.
func getter(r *jinja.Run, attribute, fallback py.Value, c textCase) func(py.Value) py.Value {
	var parts []py.Value
	if text, ok := py.Text(attribute); ok {
		r.VM.Build(len(text))
		r.VM.Grow(strings.Count(text, "."))
		for _, part := range strings.Split(text, ".") {
			if n, isInt := r.VM.ParseInt(part, 10); isInt && part[0] >= '0' && part[0] <= '9' {
				parts = append(parts, n)
			} else {
				parts = append(parts, part)
			}
		}
	} else if attribute != nil && attribute != py.None {
		parts = []py.Value{attribute}
	}
	return func(v py.Value) py.Value {
		for _, part := range parts {
			v = r.VM.GetItem(v, part)
			if _, undefined := v.(*py.Undefined); undefined && fallback != nil {
				v = fallback
			}
		}
		if _, ok := py.Text(v); ok && c == folded {
			return r.Filter("lower", v, py.Args{})
		}
		return v
	}
}

// getters is getter for the comma-separated attributes of sort.
func getters(r *jinja.Run, attribute py.Value, c textCase) func(py.Value) py.Value {
	var gets []func(py.Value) py.Value
	if text, ok := py.Text(attribute); ok {
		r.VM.Grow(8 * strings.Count(text, ","))
		for _, part := range strings.Split(text, ",") {
			gets = append(gets, getter(r, part, nil, c))
		}
	} else {
		gets = append(gets, getter(r, attribute, nil, c))
	}
	return func(v py.Value) py.Value {
		r.VM.Grow(len(gets))
		keys := make([]py.Value, len(gets))
		for i, get := range gets {
			keys[i] = get(v)
		}
		return py.NewList(keys...)
	}
}

// sortBy sorts as Python does: stable, by < alone, and in reverse with equals still in order.
func sortBy(r *jinja.Run, values []py.Value, key func(py.Value) py.Value, reversed py.Value) *py.List {
	back := r.VM.Truth(reversed)
	type keyed struct{ key, value py.Value }
	r.VM.Grow(3 * len(values))
	pairs := make([]keyed, len(values))
	for i, v := range values {
		pairs[i] = keyed{key(v), v}
	}
	slices.SortStableFunc(pairs, func(a, b keyed) int {
		if back {
			a, b = b, a
		}
		return r.VM.Order(a.key, b.key)
	})
	sorted := make([]py.Value, len(pairs))
	for i, p := range pairs {
		sorted[i] = p.value
	}
	return py.NewList(sorted...)
}

func sorted(r *jinja.Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("sort", "reverse?", "case_sensitive?", "attribute?")
	return sortBy(r, r.VM.Items(v), getters(r, p[2], caseOf(r, p[1])), p[0])
}

func dictSort(r *jinja.Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("dictsort", "case_sensitive?", "by?", "reverse?")
	rank := 0
	if p[1] != nil {
		if by := r.VM.Str(p[1]); by == "value" {
			rank = 1
		} else if by != "key" {
			py.Throw("FilterArgumentError", `You can only sort by either "key" or "value"`)
		}
	}
	d := mapping(v)
	key := getter(r, int64(rank), nil, caseOf(r, p[0]))
	return sortBy(r, r.VM.Items(d.Items()), key, p[2])
}

func sum(r *jinja.Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("sum", "attribute?", "start?")
	total := p[1]
	if total == nil {
		total = int64(0)
	}
	if _, ok := py.Text(total); ok {
		py.Throw("TypeError", "sum() can't sum strings [use ''.join(seq) instead]")
	}
	get := getter(r, p[0], nil, asIs)
	next := r.VM.MustIter(v)
	for item, ok := next(); ok; item, ok = next() {
		total = r.VM.Binary("+", total, get(item))
	}
	return total
}

// extreme is min or max: the first item that no other is beyond.
func extreme(beyond string) jinja.Filter {
	return func(r *jinja.Run, v py.Value, a py.Args) py.Value {
		p := a.Bind("min or max", "case_sensitive?", "attribute?")
		key := getter(r, p[1], nil, caseOf(r, p[0]))
		next := r.VM.MustIter(v)
		best, ok := next()
		if !ok {
			return &py.Undefined{Hint: "No aggregated item, sequence was empty."}
		}
		bestKey := key(best)
		for item, ok := next(); ok; item, ok = next() {
			if k := key(item); r.VM.Compare(beyond, k, bestKey) {
				best, bestKey = item, k
			}
		}
		return best
	}
}

func groupBy(r *jinja.Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("groupby", "attribute", "default?", "case_sensitive?")
	if p[1] == py.None {
		p[1] = nil
	}
	key, shown := getter(r, p[0], p[1], caseOf(r, p[2])), getter(r, p[0], p[1], asIs)
	groups := py.NewList()
	var last py.Value
	for _, item := range sortBy(r, r.VM.Items(v), key, false).Items {
		k := key(item)
		if last == nil || !r.VM.Equal(last, k) {
			group := &py.Tuple{Items: []py.Value{shown(item), py.NewList()}, Names: []string{"grouper", "list"}}
			groups.Items = append(groups.Items, group)
			last = k
		}
		r.VM.Grow(1)
		list := groups.Items[len(groups.Items)-1].(*py.Tuple).Items[1].(*py.List)
		list.Items = append(list.Items, item)
	}
	return groups
}
