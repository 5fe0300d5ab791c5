package cache

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/cache/internal/layout"
	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/schemas"
)

// AllViews stands for all views of a snapshot as one data set: oldest first, each in the order of its source. No run, and so no view, has
// this name.
const AllViews = layout.AllViews

// A choice is what an index is made of: a view, or all.
type choice struct {
	name     string
	distinct bool // without repeats
	rows     int64
	parts    []chosenPart
}

// A chosenPart is a part of a chosen view.
type chosenPart struct {
	schemas.ViewPart
	run    string // that made the view
	inputs int    // files of the view
	before int    // files of the views chosen before it; its source_file counts on from there
}

// open opens the part of a snapshot.
func (p chosenPart) open(ctx context.Context, s *Snapshot) (*part.Reader[part.ViewRow], error) {
	r, err := part.OpenView(ctx, s.st, p.ViewPart, p.run)
	if err != nil {
		return nil, damaged(ctx, err)
	}
	return r, nil
}

// choose returns the parts of a view; "" is the newest.
func (s *Snapshot) choose(name string) (choice, error) {
	from, to, err := s.named(name)
	if err != nil {
		return choice{}, err
	}
	c := choice{name: name}
	if name == "" {
		c.name = s.manifest.Views[from].Name
	}
	before := 0
	for i := from; i < to; i++ {
		v, inputs := s.manifest.Views[i], len(s.views[i].Inputs)
		for _, p := range v.Parts {
			c.parts = append(c.parts, chosenPart{p, v.Name, inputs, before})
		}
		c.rows += v.Rows
		before += inputs
	}
	return c, nil
}

// named returns the numbers from..to of the views that a name stands for. One that is damaged is refused.
func (s *Snapshot) named(name string) (from, to int, err error) {
	if from, to, err = s.find(name); err != nil {
		return 0, 0, err
	}
	for i := from; i < to; i++ {
		if s.faults[i] != nil {
			return 0, 0, fmt.Errorf("cache: view %s: %w", s.manifest.Views[i].Name, s.faults[i])
		}
	}
	return from, to, nil
}

// find is named that takes any view.
func (s *Snapshot) find(name string) (from, to int, err error) {
	var names []string
	for i, v := range s.manifest.Views {
		if v.Name == name {
			return i, i + 1, nil
		}
		names = append(names, v.Name)
	}
	switch n := len(names); {
	case n == 0:
		return 0, 0, fmt.Errorf("cache: %s has no views", s.st.URL(""))
	case name == "":
		return n - 1, n, nil
	case name == AllViews:
		return 0, n, nil
	}
	return 0, 0, fmt.Errorf("cache: %s has no view %q; it has %q, and %q is them all", s.st.URL(""), name, names, AllViews)
}

// ViewInfo returns how a view was made; "" is the newest.
//
// Of AllViews it is one description for all: the inputs of one view after those of another, as Source.File counts them, and counts summed.
// An item of Tokens has the digest that the views share; where they differ it is [Several], which no policy's is, with them as Detail.
// A view that did without an item ("none", as the chat template of data that came as text) differs from no other in it.
func (s *Snapshot) ViewInfo(name string) (schemas.View, error) {
	from, to, err := s.named(name)
	if err != nil {
		return schemas.View{}, err
	}
	if name != AllViews {
		return s.views[from], nil
	}
	all := schemas.View{Name: AllViews, Tokens: commonTokens(s.views[from:to])}
	for _, v := range s.views[from:to] {
		all.Created = v.Created
		all.Inputs = append(all.Inputs, v.Inputs...)
		all.Rows += v.Rows
		all.Truncated += v.Truncated
		all.Identical += v.Identical
		all.Diverged += v.Diverged
		for code, n := range v.Quarantined {
			if all.Quarantined == nil {
				all.Quarantined = map[schemas.Code]int64{}
			}
			all.Quarantined[code] += n
		}
	}
	return all, nil
}

// Several is the digest of an item that views have in several forms.
const Several = "several"

// without is the digest of an item that a view did without.
const without = "none"

// commonTokens returns what is common to how views were tokenized.
func commonTokens(views []schemas.View) schemas.Fingerprint {
	var out schemas.Fingerprint
	for _, v := range views {
		for _, it := range v.Tokens {
			if out.Item(it.Name).Digest == "" {
				out = append(out, commonItem(it.Name, views))
			}
		}
	}
	return out
}

func commonItem(name string, views []schemas.View) schemas.Item {
	common, forms := schemas.Item{Name: name, Digest: without}, []string(nil)
	for _, v := range views {
		it := v.Tokens.Item(name)
		form := it.Digest + " in view "
		if it.Digest == "" || it.Digest == without || slices.ContainsFunc(forms, func(f string) bool { return strings.HasPrefix(f, form) }) {
			continue
		}
		common = it
		forms = append(forms, form+v.Name)
	}
	if len(forms) > 1 {
		common = schemas.Item{Name: name, Digest: Several, Detail: strings.Join(forms, ", ")}
	}
	return common
}

// metaCacheBytes bounds the decoded row groups that a MetaReader keeps: eight full ones.
const metaCacheBytes = 64 << 20

// A MetaReader reads the Meta of a view's rows by their place in its order. It decodes whole row groups of the view and keeps those used
// last; so a view that is read in its order has nearly every group decoded once. Use it from one goroutine.
type MetaReader struct {
	s      *Snapshot
	x      *Index
	files  lru[int, *part.Reader[part.ViewRow]]
	groups lru[groupKey, []part.ViewRow]
}

// Metas returns a reader of an index of this snapshot.
func (s *Snapshot) Metas(x *Index) *MetaReader {
	r := &MetaReader{s: s, x: x}
	r.files.limit, r.files.drop = rowOpenFiles, func(f *part.Reader[part.ViewRow]) { f.Close() }
	r.groups.limit = metaCacheBytes
	return r
}

// At returns the other fields of row i as canonical JSON, or "".
func (r *MetaReader) At(ctx context.Context, i int) (string, error) {
	if i < 0 || i >= r.x.Len() {
		return "", fmt.Errorf("cache: row %d of a view of %d", i, r.x.Len())
	}
	at := r.x.at(i)
	row, err := r.row(ctx, at)
	if err != nil {
		return "", fmt.Errorf("cache: row %d (source %d:%d): %w", i, at.source.File, at.source.Pos, err)
	}
	return row.Meta, nil
}

func (r *MetaReader) row(ctx context.Context, at place) (*part.ViewRow, error) {
	if at.viewPart >= len(r.x.c.parts) || at.viewRow >= r.x.c.parts[at.viewPart].Rows {
		return nil, fmt.Errorf("the index names row %d of part %d of the view, which is not there; remove the index file, it is made again", at.viewRow, at.viewPart)
	}
	p := r.x.c.parts[at.viewPart]
	f, ok := r.files.get(at.viewPart)
	if !ok {
		var err error
		if f, err = p.open(ctx, r.s); err != nil {
			return nil, err
		}
		r.files.put(at.viewPart, f, 1)
	}
	g, first := f.Group(at.viewRow)
	key := groupKey{at.viewPart, g}
	rows, ok := r.groups.get(key)
	if !ok {
		var err error
		if rows, err = f.Read(ctx, g); err != nil {
			return nil, damaged(ctx, err)
		}
		size := int64(0)
		for i := range rows {
			size += int64(rows[i].Bytes())
		}
		r.groups.put(key, rows, size)
	}
	row := &rows[at.viewRow-first]
	source := schemas.Source{File: int32(p.before) + row.SourceFile, Pos: row.SourcePos}
	if k, err := part.ParseKey(row.PairID); err != nil || [4]byte(k[:4]) != at.check || source != at.source {
		return nil, fmt.Errorf("%s row %d is the pair %s of source %d:%d, the index wants %x…; remove the index file, it is made again", r.s.st.URL(p.Path), at.viewRow, row.PairID, source.File, source.Pos, at.check)
	}
	return row, nil
}

// Close closes the parts that are open. The index stays open.
func (r *MetaReader) Close() error {
	r.files.clear()
	r.groups.clear()
	return nil
}
