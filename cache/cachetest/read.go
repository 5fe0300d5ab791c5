package cachetest

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// Objects lists the objects of a store below prefix.
func Objects(t testing.TB, st storage.Store, prefix string) []string {
	t.Helper()
	list, err := st.List(context.Background(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, o := range list {
		out = append(out, o.Name)
	}
	return out
}

// Read returns the rows of the newest view, in its order.
func Read(t testing.TB, st storage.Store) []schemas.CachedPair {
	t.Helper()
	ctx := context.Background()
	s, err := cache.Open(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	x, err := s.Index(ctx, "", filepath.Join(t.TempDir(), "index"))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	r := s.Rows(x)
	defer r.Close()
	var out []schemas.CachedPair
	for i := range x.Len() {
		p, err := r.At(ctx, i)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

// InOrder returns what a reader should give for rows: sorted by source, without what only a view or a pipeline has.
func InOrder(rows []schemas.CachedPair) []schemas.CachedPair {
	out := append([]schemas.CachedPair(nil), rows...)
	for i := range out {
		out[i].Meta, out[i].Raw, out[i].Diverged = "", "", false
		for j := i; j > 0 && out[j].Source.Less(out[j-1].Source); j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}
