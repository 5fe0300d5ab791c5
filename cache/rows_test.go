package cache_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/perm"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// longView is a cache of one view of n rows of about size tokens a list, and its index.
func longView(t testing.TB, st storage.Store, n, size int, o cache.Options) (*cache.Snapshot, *cache.Index, []schemas.CachedPair) {
	t.Helper()
	begin(t, st, newRun("r1"))
	var rows []schemas.CachedPair
	for i := range n {
		rows = append(rows, pair(uint64(i), size, schemas.Source{Pos: int64(i)}))
	}
	do(t, st, stage(t, st, o, rows, n))
	s, err := cache.Open(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	x, err := s.Index(ctx, "", filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Close() })
	if x.Len() != n {
		t.Fatalf("%d rows in the index, want %d", x.Len(), n)
	}
	return s, x, inOrder(rows)
}

// sameRow wants a row as it was written. (cmp is slow on long lists.)
func sameRow(t rapid.TB, what string, i int, want, got schemas.CachedPair) {
	t.Helper()
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("%s: row %d: want -, got +:\n%s", what, i, cmp.Diff(want, got))
	}
}

// In its order a view has every row group decoded once, and in random order too if it fits; in random order over a view that is larger, or
// where rows are read here and there, they are decoded alone.
func TestRowsDecodeNoMoreThanNeeded(t *testing.T) {
	const groups, size = 24, 32
	o := options("r1")
	o.RowGroupRows, o.PartRows = size, 3*size
	s, x, rows := longView(t, local(t, t.TempDir()), groups*size, 2000, o)
	group := int64(size * 5 * 4 * 1000) // bytes decoded, of lists of 1,000 tokens on average
	n := x.Len()
	inOrder := func(i int) int { return i }
	random := perm.New(1, n).At
	for _, c := range []struct {
		name                 string
		bytes, files         int64
		order                func(int) int
		reads                int
		minGroups, maxGroups int
		minAlone, maxAlone   int
	}{
		// A row alone costs 1/6 of a group here, so a group is decoded after 2 rows.
		{"in order, room for all", 1 << 30, 64, inOrder, n, groups, groups, groups, 4 * groups},
		{"in order, room for one", 1, 1, inOrder, n, groups, groups, groups, 4 * groups},
		{"in order twice, room for all", 1 << 30, 64, func(i int) int { return i % n }, 2 * n, groups, groups, groups, 4 * groups},
		{"random, room for all", 1 << 30, 64, random, n, groups, groups, groups, 4 * groups},
		{"random, room for an eighth", group * groups / 8, 64, random, n, 0, groups, n * 8 / 10, n},
		{"random, room for one", 1, 1, random, n, 0, 1, n - size, n},
		{"a few rows", 1 << 30, 64, func(i int) int { return i * size }, groups, 0, 0, groups, groups},
	} {
		r := s.Rows(x)
		r.SetLimits(c.bytes, c.files)
		for i := range c.reads {
			at := c.order(i)
			p, err := r.At(ctx, at)
			if err != nil {
				t.Fatal(err)
			}
			sameRow(t, c.name, at, rows[at], p)
		}
		if g, alone := r.Decoded(); g < c.minGroups || g > c.maxGroups || alone < c.minAlone || alone > c.maxAlone {
			t.Errorf("%s: %d groups and %d rows alone decoded, want %d to %d and %d to %d", c.name, g, alone, c.minGroups, c.maxGroups, c.minAlone, c.maxAlone)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	r := s.Rows(x)
	defer r.Close()
	for _, i := range []int{-1, n} {
		_, err := r.At(ctx, i)
		wantError(t, "At", err, nil, fmt.Sprintf("of a view of %d", n))
	}
}

// Whatever was read before, and whatever there is room for, a row is the same.
func TestRowsInAnyOrder(t *testing.T) {
	for _, tokens := range []bool{true, false} {
		o := options("r1")
		o.RowGroupRows, o.PartRows, o.TokenLogps = 16, 48, tokens
		s, x, rows := longView(t, local(t, t.TempDir()), 160, 1500, o)
		if !tokens {
			for i := range rows {
				rows[i].RefChosenTokenLogps, rows[i].RefRejectedTokenLogps = nil, nil
			}
		}
		rapid.Check(t, func(t *rapid.T) {
			r := s.Rows(x)
			defer r.Close()
			r.SetLimits(rapid.Int64Range(1, 4<<20).Draw(t, "bytes"), rapid.Int64Range(1, 4).Draw(t, "files"))
			for _, i := range rapid.SliceOfN(rapid.IntRange(0, 159), 1, 200).Draw(t, "order") {
				p, err := r.At(ctx, i)
				if err != nil {
					t.Fatal(err)
				}
				sameRow(t, "any order", i, rows[i], p)
				// The row is the caller's: the next reader of it finds it as it was.
				clear(p.PromptIDs)
				clear(p.ChosenIDs)
				clear(p.RejectedIDs)
				clear(p.RefChosenTokenLogps)
				clear(p.RefRejectedTokenLogps)
			}
		})
	}
}

// With a bit of a part flipped, a row is an error that says so or what was written, alone or with its group.
func TestRowsOfADamagedPart(t *testing.T) {
	o := options("r1")
	o.RowGroupRows, o.TokenLogps = 16, false // without token values nothing else protects the sums
	st := local(t, t.TempDir())
	s, x, rows := longView(t, st, 32, 2000, o)
	for i := range rows {
		rows[i].RefChosenTokenLogps, rows[i].RefRejectedTokenLogps = nil, nil
	}
	shuffled := perm.New(3, x.Len())
	part := st.URL(s.Manifest().Parts[0].Path)
	whole, err := os.ReadFile(part)
	if err != nil {
		t.Fatal(err)
	}
	flips, seen := 0, 0
	for at := 0; at < len(whole); at += len(whole) / 250 {
		b := bytes.Clone(whole)
		b[at] ^= 1 << (flips % 8)
		flips++
		if err := os.WriteFile(part, b, 0o644); err != nil {
			t.Fatal(err)
		}
		r := s.Rows(x)
		found := false
		for i := range x.Len() {
			p, err := r.At(ctx, shuffled.At(i))
			if err != nil {
				wantError(t, fmt.Sprintf("byte %d", at), err, cache.ErrDamaged, part)
				found = true
				continue
			}
			sameRow(t, fmt.Sprintf("byte %d is %08b for %08b", at, b[at], whole[at]), shuffled.At(i), rows[shuffled.At(i)], p)
		}
		if found {
			seen++
		}
		r.Close()
	}
	if seen < flips*8/10 {
		t.Errorf("%d of %d flips were seen", seen, flips)
	}
}
