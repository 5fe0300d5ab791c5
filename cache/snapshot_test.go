package cache_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/cachetest"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

func TestOpenRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(t *testing.T, st storage.Store)
		is   error
		says string
	}{
		{"no manifest", func(t *testing.T, st storage.Store) { os.Remove(st.URL("manifest.json")) }, cache.ErrNoCache, "let precompute finish"},
		{"a manifest that was edited", func(t *testing.T, st storage.Store) {
			b, _ := os.ReadFile(st.URL("manifest.json"))
			os.WriteFile(st.URL("manifest.json"), bytes.Replace(b, []byte("tiny"), []byte("huge"), 1), 0o644)
		}, cache.ErrDamaged, "is not what was written"},
		{"a manifest that was cut", func(t *testing.T, st storage.Store) { os.Truncate(st.URL("manifest.json"), 100) }, cache.ErrDamaged, "is not what was written"},
		{"a newer format", func(t *testing.T, st storage.Store) {
			cachetest.Edit(t, st, func(m map[string]any) {
				m["format_version"], m["min_reader_version"], m["parts"] = 9, 8, "of another type"
			})
		}, cache.ErrVersion, "use a newer steelyard"},
		{"no version", func(t *testing.T, st storage.Store) {
			cachetest.Edit(t, st, func(m map[string]any) { delete(m, "format_version") })
		}, cache.ErrDamaged, "no format_version"},
		{"no JSON of a manifest", func(t *testing.T, st storage.Store) { cachetest.Edit(t, st, func(m map[string]any) { m["parts"] = 1 }) }, cache.ErrDamaged, "is not the JSON it should be"},
		{"a missing part", func(t *testing.T, st storage.Store) { os.Remove(st.URL("values/part-r1-000001.parquet")) }, cache.ErrDamaged, "part-r1-000001.parquet is missing"},
		{"a cut part", func(t *testing.T, st storage.Store) { os.Truncate(st.URL("values/part-r1-000001.parquet"), 9) }, cache.ErrDamaged, "has 9 bytes"},
		{"missing keys", func(t *testing.T, st storage.Store) { os.Remove(st.URL("keys/part-r1-000000.keys")) }, cache.ErrDamaged, "part-r1-000000.keys is missing"},
		{"a cut view", func(t *testing.T, st storage.Store) { os.Truncate(st.URL("views/r1/part-000000.parquet"), 0) }, cache.ErrDamaged, "has 0 bytes"},
		{"no description of the view", func(t *testing.T, st storage.Store) { os.Remove(st.URL("views/r1.json")) }, cache.ErrDamaged, "r1.json"},
		{"another description of the view", func(t *testing.T, st storage.Store) { os.WriteFile(st.URL("views/r1.json"), []byte("{}"), 0o644) }, cache.ErrDamaged, "the manifest says"},
		{"a part outside of the cache", func(t *testing.T, st storage.Store) {
			cachetest.Edit(t, st, func(m map[string]any) { m["parts"].([]any)[0].(map[string]any)["path"] = "../x" })
		}, cache.ErrDamaged, "is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := build(t, t.TempDir(), pairs(8), 4)
			c.do(t, st)
			s, err := cache.Open(ctx, st)
			if err == nil && strings.Contains(c.name, "view") {
				_, err = s.ViewInfo("")
				_, ierr := s.Index(ctx, "r1", filepath.Join(t.TempDir(), "x"))
				wantError(t, "Index", ierr, c.is, c.says)
			}
			wantError(t, "Open", err, c.is, c.says)
		})
	}
}

// A view that is damaged is refused, and stands in no other's way: neither of readers nor of the run that makes it anew.
func TestOtherViewsThanADamagedOne(t *testing.T) {
	st, n := local(t, t.TempDir()), scored{}
	rows := pairs(14)
	launch{id: "r1", rows: rows[:7], bundle: 7}.run(t, st, n)
	m, _ := launch{id: "r2", rows: rows, bundle: 7}.run(t, st, n)
	os.Truncate(st.URL(m.Views[1].Parts[0].Path), 9)
	os.WriteFile(st.URL("views/r2.json"), []byte("{}"), 0o644)
	s := must(cache.Open(ctx, st))
	_, err := s.ViewInfo("")
	wantError(t, "the damaged view", err, cache.ErrDamaged, "r2")
	if v, err := s.ViewInfo("r1"); err != nil || v.Rows != 7 {
		t.Errorf("the other view: %+v, %v", v, err)
	}
	before := len(n)
	launch{id: "r3", rows: rows, bundle: 7}.run(t, st, n)
	if diff := cmp.Diff(inOrder(rows), read(t, st), cmpopts.EquateEmpty()); diff != "" || len(n) != before {
		t.Errorf("made anew, with %d pairs scored for %d: want -, got +:\n%s", len(n), before, diff)
	}
}

// Fields of a later version that any reader may do without are passed over.
func TestOpenReadsLaterMinorVersions(t *testing.T) {
	st := build(t, t.TempDir(), pairs(8), 4)
	cachetest.Edit(t, st, func(m map[string]any) { m["format_version"], m["colour"] = 2, "blue" })
	if got := read(t, st); len(got) != 8 {
		t.Errorf("%d rows", len(got))
	}
}

func TestOpenDigest(t *testing.T) {
	st := build(t, t.TempDir(), pairs(8), 4)
	old, err := cache.Open(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	cachetest.Edit(t, st, func(m map[string]any) { m["previous"] = old.Digest() })
	now, err := cache.Open(ctx, st)
	if err != nil || now.Digest() == old.Digest() || now.Manifest().Previous != old.Digest() {
		t.Fatalf("newest %v, %v", now.Digest(), err)
	}
	again, err := cache.OpenDigest(ctx, st, old.Digest())
	if err != nil || again.Digest() != old.Digest() || !cmp.Equal(again.Manifest(), old.Manifest()) {
		t.Errorf("OpenDigest: %+v, %v", again, err)
	}
	_, err = cache.OpenDigest(ctx, st, strings.Repeat("0", 64))
	wantError(t, "an unknown digest", err, cache.ErrNoCache, "no such snapshot")
	_, err = cache.OpenDigest(ctx, st, "../../x")
	wantError(t, "no digest", err, nil, "is not the digest")
	os.WriteFile(st.URL("manifests/"+old.Digest()+".json"), []byte("{}"), 0o644)
	_, err = cache.OpenDigest(ctx, st, old.Digest())
	wantError(t, "an edited snapshot", err, cache.ErrDamaged, "has the SHA-256")
}

func TestViewInfo(t *testing.T) {
	st := build(t, t.TempDir(), pairs(8), 4)
	s, err := cache.Open(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "r1"} {
		v, err := s.ViewInfo(name)
		if err != nil || v.Name != "r1" || v.Tokens.Item(schemas.ItemMaxLength).Digest != "1024" {
			t.Errorf("ViewInfo(%q) = %+v, %v", name, v, err)
		}
	}
	_, err = s.ViewInfo("r2")
	wantError(t, "ViewInfo", err, nil, `it has ["r1"]`)
	_, err = s.Index(ctx, "r2", filepath.Join(t.TempDir(), "x"))
	wantError(t, "Index", err, nil, `it has ["r1"]`)
}

// The index of one snapshot and view is opened again as it is; that of another, or one that was cut, is made anew.
func TestIndexIsMadeOnce(t *testing.T) {
	st := build(t, t.TempDir(), pairs(8), 4)
	s, err := cache.Open(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "run", "index")
	index := func(s *cache.Snapshot) {
		t.Helper()
		x, err := s.Index(ctx, "r1", path)
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		if x.Len() != 8 || x.Source(0) != (schemas.Source{}) || x.Source(7) != (schemas.Source{File: 1, Pos: 30}) {
			t.Errorf("%d rows from %v to %v", x.Len(), x.Source(0), x.Source(7))
		}
	}
	stat := func() os.FileInfo {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	index(s)
	first := stat()
	index(s)
	if !os.SameFile(first, stat()) {
		t.Error("the index was made twice")
	}
	for _, size := range []int64{0, 79, 80, 80 + 32*7, 80 + 32*8 - 1} {
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		index(s)
		if stat().Size() != 80+32*8 {
			t.Errorf("cut to %d bytes it was used", size)
		}
	}
	before := stat()
	cachetest.Edit(t, st, func(m map[string]any) { m["previous"] = s.Digest() })
	if s, err = cache.Open(ctx, st); err != nil {
		t.Fatal(err)
	}
	index(s)
	if os.SameFile(before, stat()) {
		t.Error("the index of another snapshot was used")
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("beside the index lie %v, %v", files, err)
	}
}

func TestIndexRefuses(t *testing.T) {
	st := build(t, t.TempDir(), pairs(14), 7)
	// Without the second part some rows have no value.
	cachetest.Edit(t, st, func(m map[string]any) { m["parts"] = m["parts"].([]any)[:1] })
	s, err := cache.Open(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, err = s.Index(ctx, "", filepath.Join(dir, "x"))
	wantError(t, "missing value", err, cache.ErrMissingValue, "run precompute again over the same data")
	missing := pairs(14)[8] // the first in the order of source: file 0, position 40; 7 is of file 1
	wantError(t, "missing value", err, nil, fmt.Sprintf("pair %s of source 0:40", missing.ID))
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("a refused index left %v", files)
	}

	twice := pairs(4)
	twice[3].Source = twice[1].Source
	st = build(t, t.TempDir(), twice, 4)
	if s, err = cache.Open(ctx, st); err != nil {
		t.Fatal(err)
	}
	_, err = s.Index(ctx, "", filepath.Join(dir, "x"))
	wantError(t, "a source twice", err, cache.ErrDamaged, "two rows of the view have the source 1:0")
}

// A pair that two parts hold is read from either.
func TestRowsOfPairsInTwoParts(t *testing.T) {
	rows := append(pairs(5), pairs(5)...)
	for i := range rows {
		rows[i].Source.Pos = int64(i)
	}
	st := build(t, t.TempDir(), rows, 5)
	s, err := cache.Open(ctx, st)
	if err != nil || len(s.Manifest().Parts) != 2 || s.Manifest().Parts[1].Rows != 5 {
		t.Fatalf("manifest %+v, %v", s.Manifest(), err)
	}
	want := inOrder(rows)
	if diff := cmp.Diff(want, read(t, st)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	// Either will do.
	for i := range 2 {
		cachetest.Edit(t, st, func(m map[string]any) { m["parts"] = s.Manifest().Parts[i : i+1] })
		if diff := cmp.Diff(want, read(t, st)); diff != "" {
			t.Errorf("part %d alone: want -, got +:\n%s", i, diff)
		}
	}
}

// A part or an index that changes under a reader is refused, never read as other rows.
func TestRowsRefuseWhatChanged(t *testing.T) {
	st := build(t, t.TempDir(), pairs(8), 8)
	s, err := cache.Open(ctx, st)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "x")
	at := func(i int) error {
		x, err := s.Index(ctx, "", path)
		if err != nil {
			return err
		}
		defer x.Close()
		r := s.Rows(x)
		defer r.Close()
		_, err = r.At(ctx, i)
		return err
	}
	if err := at(0); err != nil {
		t.Fatal(err)
	}
	index, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		field int // of a record
		value uint32
		says  string
	}{
		{"another row", 16, 3, "remove the index file"},
		{"no such row", 16, 99, "which is not there"},
		{"no such part", 12, 1, "which is not there"},
	} {
		b := bytes.Clone(index)
		binary.BigEndian.PutUint32(b[80+c.field:], c.value)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		wantError(t, c.name, at(0), nil, c.says)
	}
	if err := os.WriteFile(path, index, 0o644); err != nil {
		t.Fatal(err)
	}
	file := st.URL(s.Manifest().Parts[0].Path)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for i := 50; i < len(b); i += 50 {
		bad := bytes.Clone(b)
		bad[i] ^= 4
		if err := os.WriteFile(file, bad, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := at(0); err != nil {
			wantError(t, "a flipped bit", err, cache.ErrDamaged, "part-r1-000000.parquet")
			seen++
		}
	}
	if seen < len(b)/50/2 {
		t.Errorf("%d flips of %d were seen", seen, len(b)/50)
	}
}
