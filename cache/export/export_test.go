package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/cachetest"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// pair returns a pair of n+1, n+2 and n+3 tokens from row i of an input.
func pair(n, i int) schemas.CachedPair {
	var p schemas.CachedPair
	for k := range n + 3 {
		id, v := int32(100*n+k), -0.25*float32(k+1)
		if k <= n {
			p.PromptIDs = append(p.PromptIDs, id)
		}
		if k <= n+1 {
			p.ChosenIDs, p.RefChosenTokenLogps = append(p.ChosenIDs, id), append(p.RefChosenTokenLogps, v)
			p.RefChosenLogps += float64(v)
		}
		p.RejectedIDs, p.RefRejectedTokenLogps = append(p.RejectedIDs, id+1), append(p.RefRejectedTokenLogps, v/2)
		p.RefRejectedLogps += float64(v / 2)
	}
	p.ID = cache.PairID(p.PromptIDs, p.ChosenIDs, p.RejectedIDs)
	p.ChosenTruncated, p.RejectedTruncated = n%2 == 0, n%3 == 0
	p.Source.Pos = int64(i)
	if i%2 == 0 {
		p.Meta = fmt.Sprintf(`{"score":%d}`, i)
	}
	return p
}

// build makes a cache, or grows it, by a view that is named as the run, of pairs by their n, of an input named input.
func build(t testing.TB, st storage.Store, run, input string, tokenLogps bool, ns ...int) storage.Store {
	t.Helper()
	o := cachetest.Options(run)
	o.TokenLogps, o.RowGroupRows = tokenLogps, 3
	claim := cachetest.Begin(t, st, cachetest.Run(run))
	var rows []schemas.CachedPair
	for i, n := range ns {
		p := pair(n, i)
		if !tokenLogps {
			p.RefChosenTokenLogps, p.RefRejectedTokenLogps = nil, nil
		}
		rows = append(rows, p)
	}
	slices.Reverse(rows) // the order in which rows are scored is none of the view's
	c := cachetest.Commit(run, claim.Base, cachetest.Stage(t, st, o, rows, len(rows)))
	c.View.Inputs = []schemas.ViewInput{{Path: input}}
	cachetest.Do(t, st, c)
	return st
}

// cacheDir returns the store of a new directory.
func cacheDir(t testing.TB) storage.Store {
	return cachetest.Local(t, filepath.Join(t.TempDir(), "cache"))
}

// twoViews makes a cache of the view r1, of nine rows, and r2, of four that repeat some.
func twoViews(t testing.TB, tokenLogps bool) storage.Store {
	t.Helper()
	st := build(t, cacheDir(t), "r1", "a.jsonl", true, 1, 2, 3, 4, 5, 6, 7, 1, 2)
	build(t, st, "r2", "b.jsonl", tokenLogps, 3, 8, 8, 1)
	cachetest.Number(t, st)
	return st
}

func open(t testing.TB, st storage.Store) *cache.Snapshot {
	t.Helper()
	s, err := cache.Open(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// want is the row that a pair from row i of an input becomes.
func want(n, i int, input string) fullRow {
	p := pair(n, i)
	return fullRow{
		inputs{p.PromptIDs, p.ChosenIDs, p.RejectedIDs, p.RefChosenLogps, p.RefRejectedLogps},
		tokenLogps{p.RefChosenTokenLogps, p.RefRejectedTokenLogps},
		facts{int32(n + 2), int32(n + 3), p.ChosenTruncated, p.RejectedTruncated, p.ID, input, int64(i), p.Meta},
	}
}

func wants(input string, ns ...int) (out []fullRow) {
	for i, n := range ns {
		out = append(out, want(n, i, input))
	}
	return out
}

var (
	first  = wants("a.jsonl", 1, 2, 3, 4, 5, 6, 7, 1, 2)
	second = wants("b.jsonl", 3, 8, 8, 1)
)

var exporter = cmp.AllowUnexported(fullRow{}, sumsRow{})

func TestWrite(t *testing.T) {
	st := twoViews(t, true)
	for _, c := range []struct {
		name string
		o    Options
		view string
		want []fullRow
	}{
		{"the newest", Options{}, "r2", second},
		{"an older one", Options{View: "r1"}, "r1", first},
		{"all", Options{View: cache.AllViews}, "all", slices.Concat(first, second)},
		{"without repeats", Options{View: "r1", Dedupe: true}, "r1", first[:7]},
		{"all without repeats", Options{View: cache.AllViews, Dedupe: true}, "all", slices.Concat(first[:7], second[1:2])},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			dst, err := storage.Local(dir)
			if err != nil {
				t.Fatal(err)
			}
			var seen []Progress
			c.o.Progress = func(p Progress) { seen = append(seen, p) }
			c.o.Scratch = t.TempDir()
			s := open(t, st)
			sum, err := Write(t.Context(), s, dst, "out.parquet", c.o)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "out.parquet")
			got, err := parquet.ReadFile[fullRow](file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, exporter); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			tokens := int64(0)
			for _, r := range c.want {
				tokens += int64(len(r.PromptIDs) + len(r.ChosenIDs) + len(r.RejectedIDs))
			}
			wantSum := Summary{File: file, Bytes: info.Size(), Snapshot: s.Digest(), View: c.view, Rows: len(c.want), RowGroups: 1, Tokens: tokens, TokenLogps: true}
			if diff := cmp.Diff(wantSum, sum); diff != "" {
				t.Errorf("summary: want -, got +:\n%s", diff)
			}
			if n := len(c.want); len(seen) != n || seen[n-1] != (Progress{n, n, tokens}) {
				t.Errorf("progress %+v", seen)
			}
			for _, dir := range []string{dir, c.o.Scratch} {
				if files, err := os.ReadDir(dir); err != nil || len(files) > 1 || len(files) == 1 && files[0].Name() != "out.parquet" {
					t.Errorf("%s holds %v, %v", dir, files, err)
				}
			}
		})
	}
}

// The footer says what the file was made of.
func TestFooter(t *testing.T) {
	s := open(t, twoViews(t, true))
	f := exported(t, s, Options{View: cache.AllViews, Dedupe: true})
	var tokens, values schemas.Fingerprint
	for key, into := range map[string]any{"steelyard.tokens": &tokens, "steelyard.fingerprint": &values} {
		text, _ := f.Lookup(key)
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Errorf("%s: %v in %q", key, err, text)
		}
	}
	if diff := cmp.Diff([]schemas.Fingerprint{{{Name: "max_length", Digest: "1024"}}, cachetest.Fingerprint}, []schemas.Fingerprint{tokens, values}); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	for key, want := range map[string]string{"steelyard.kind": "export", "steelyard.snapshot": s.Digest(), "steelyard.view": "all", "steelyard.distinct": "true"} {
		if got, _ := f.Lookup(key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
}

// exported exports to a file and opens it.
func exported(t *testing.T, s *cache.Snapshot, o Options) *parquet.File {
	t.Helper()
	dir := t.TempDir()
	dst, err := storage.Local(dir)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := Write(t.Context(), s, dst, "out.parquet", o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := os.Open(filepath.Join(dir, "out.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	f, err := parquet.OpenFile(r, sum.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if f.NumRows() != int64(sum.Rows) || len(f.RowGroups()) != sum.RowGroups {
		t.Errorf("%d rows in %d groups, the summary says %+v", f.NumRows(), len(f.RowGroups()), sum)
	}
	return f
}

// Where a part that the view uses lacks them, the token columns are left out for all rows, and the summary says for which parts.
func TestSumsOnly(t *testing.T) {
	s := open(t, twoViews(t, false))
	dst, err := storage.Local(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	sum, err := Write(t.Context(), s, dst, "all.parquet", Options{View: cache.AllViews})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"values/part-r2-000001.parquet"}, sum.SumsOnly); diff != "" || sum.TokenLogps {
		t.Errorf("the summary is %+v", sum)
	}
	got, err := parquet.ReadFile[sumsRow](dst.URL("all.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	var want []sumsRow
	for _, r := range slices.Concat(first, second) {
		want = append(want, sumsRow{r.inputs, r.facts})
	}
	if diff := cmp.Diff(want, got, exporter); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	f := exported(t, s, Options{View: cache.AllViews})
	if _, ok := f.Schema().Lookup("ref_chosen_token_logps", "list", "element"); ok {
		t.Error("the token columns are there")
	}
	// The other view alone has them all.
	f = exported(t, s, Options{View: "r1"})
	if _, ok := f.Schema().Lookup("ref_chosen_token_logps", "list", "element"); !ok {
		t.Error("the token columns are missing")
	}
}

// A view of nothing is a table of nothing, with its columns.
func TestEmptyView(t *testing.T) {
	f := exported(t, open(t, build(t, cacheDir(t), "r1", "a.jsonl", true)), Options{})
	if n := len(f.Schema().Columns()); f.NumRows() != 0 || n != 15 {
		t.Errorf("%d rows of %d columns", f.NumRows(), n)
	}
}

// However many rows there are, a file has no more groups than it may.
func TestGroups(t *testing.T) {
	s := open(t, build(t, cacheDir(t), "r1", "a.jsonl", true, slices.Repeat([]int{1, 2, 3}, 10)...))
	defer func(rows, bytes, groups int) { groupRows, groupBytes, maxGroups = rows, bytes, groups }(groupRows, groupBytes, maxGroups)
	for _, c := range []struct{ rows, bytes, groups, want int }{
		{100, 1 << 20, 100, 1},
		{10, 1 << 20, 100, 3},
		{100, 1, 100, 30},
		{1, 1, 7, 6}, // of 5 rows
		{1, 1, 1, 1},
	} {
		groupRows, groupBytes, maxGroups = c.rows, c.bytes, c.groups
		if got := len(exported(t, s, Options{}).RowGroups()); got != c.want {
			t.Errorf("%+v: %d groups", c, got)
		}
	}
}

// What is refused or stopped leaves nothing, and what is there stays.
func TestWriteRefuses(t *testing.T) {
	ctx := t.Context()
	stopped, cancel := context.WithCancel(ctx)
	for _, c := range []struct {
		name string
		ctx  context.Context
		o    Options
		do   func(dir string, st storage.Store)
		is   error
		says string
	}{
		{"a file that is there", ctx, Options{}, func(dir string, _ storage.Store) {
			os.WriteFile(filepath.Join(dir, "out.parquet"), []byte("mine"), 0o644)
		}, storage.ErrExist, ", or name another file"},
		{"an unknown view", ctx, Options{View: "r9"}, nil, nil, `it has ["r1" "r2"], and "all" is them all`},
		{"a damaged part", ctx, Options{}, func(_ string, st storage.Store) {
			file := st.URL("values/part-r2-000001.parquet")
			b, _ := os.ReadFile(file)
			clear(b[4 : len(b)/3]) // pages of its columns
			os.WriteFile(file, b, 0o644)
		}, cache.ErrDamaged, "part-r2-000001.parquet"},
		{"a view without its file", ctx, Options{}, func(_ string, st storage.Store) { os.Remove(st.URL("views/r2/part-000000.parquet")) }, cache.ErrDamaged, "views/r2/part-000000.parquet"},
		{"stopped", stopped, Options{View: "r1", Progress: func(p Progress) {
			if p.Rows == 5 {
				cancel()
			}
		}}, nil, context.Canceled, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := twoViews(t, true)
			s := open(t, st)
			dir := t.TempDir()
			if c.do != nil {
				c.do(dir, st)
			}
			dst, err := storage.Local(dir)
			if err != nil {
				t.Fatal(err)
			}
			c.o.Scratch = t.TempDir()
			_, err = Write(c.ctx, s, dst, "out.parquet", c.o)
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %v that says %q", err, c.is, c.says)
			}
			b, err := os.ReadFile(filepath.Join(dir, "out.parquet"))
			if !errors.Is(err, os.ErrNotExist) && string(b) != "mine" {
				t.Errorf("%d bytes were left, %v", len(b), err)
			}
			for _, dir := range []string{dir, c.o.Scratch} {
				files, err := os.ReadDir(dir)
				if err != nil || len(files) > 0 && files[0].Name() != "out.parquet" {
					t.Errorf("%s holds %v, %v", dir, files, err)
				}
			}
		})
	}
}
