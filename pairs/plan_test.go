package pairs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/schemas"
)

// tree writes files, with one row each unless a content is given, and returns their directory.
func tree(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(line(f)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestInputs(t *testing.T) {
	dir := tree(t, "b.jsonl", "a.json", "sub/c.JSONL.gz", "sub/deep/d.parquet", "sub/e.ndjson.zst", "README.md", ".hidden.jsonl", "_tmp/x.jsonl",
		"sub/f.parquet.gz", "other/z[1].jsonl", "other/name.txt", "bare/notes.md", "bare/dataset_info.json", "sub/dataset_infos.json")
	if err := os.Symlink(filepath.Join(dir, "a.json"), filepath.Join(dir, "other", "link.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(dir, "other", "loop.json")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		patterns []string
		want     []string
		err      string
	}{
		{"a file", []string{"b.jsonl"}, []string{"b.jsonl"}, ""},
		{"a file of any name", []string{"other/name.txt"}, []string{"other/name.txt"}, ""},
		{"a file whose name looks like a glob", []string{"other/z[1].jsonl"}, []string{"other/z[1].jsonl"}, ""},
		{"a directory", []string{"."}, []string{"a.json", "b.jsonl", "other/link.json", "other/z[1].jsonl", "sub/c.JSONL.gz", "sub/deep/d.parquet", "sub/e.ndjson.zst"}, ""},
		{"a glob", []string{"*.json*"}, []string{"a.json", "b.jsonl"}, ""},
		{"a glob of directories", []string{"su*"}, []string{"sub/c.JSONL.gz", "sub/deep/d.parquet", "sub/e.ndjson.zst"}, ""},
		{"the given order, each file once", []string{"b.jsonl", "sub/../*.json*", "b.jsonl"}, []string{"b.jsonl", "a.json"}, ""},
		{"nothing", nil, nil, "no input"},
		{"no such file", []string{"nope.jsonl"}, nil, "names no file"},
		{"no match", []string{"*.csv"}, nil, "names no file"},
		{"a bad glob", []string{"[.jsonl"}, nil, "no valid glob"},
		{"a directory without data", []string{"bare"}, nil, "holds no file named .jsonl"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var patterns []string
			for _, p := range test.patterns {
				patterns = append(patterns, dir+"/"+p)
			}
			inputs, err := Inputs(t.Context(), patterns)
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("Inputs: got %v, want an error with %q", err, test.err)
				}
				return
			}
			var got []string
			for _, in := range inputs {
				rel, _ := filepath.Rel(dir, in.Path)
				got = append(got, filepath.ToSlash(rel))
				if info, _ := os.Stat(in.Path); info.Size() != in.Bytes {
					t.Errorf("%s has %d bytes, want %d", rel, in.Bytes, info.Size())
				}
			}
			if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
				t.Errorf("Inputs: %v (-want +got):\n%s", err, diff)
			}
		})
	}
	if _, err := Inputs(t.Context(), []string{"gs://bucket/x.jsonl"}); err == nil || !strings.Contains(err.Error(), "gs:// is not supported") {
		t.Errorf("Inputs of gs://: got %v", err)
	}
	if in, err := Inputs(t.Context(), []string{"file://" + dir + "/a.json"}); err != nil || len(in) != 1 || strings.Contains(in[0].Path, "file:") {
		t.Errorf("Inputs of file://: got %v, %v", in, err)
	}
}

// planned reads what Plan says.
func planned(t *testing.T, paths []string, o Options) (items []schemas.WorkItem, r result) {
	t.Helper()
	inputs, err := Inputs(t.Context(), paths)
	if err != nil {
		t.Fatal(err)
	}
	if items, err = Plan(t.Context(), inputs, o); err != nil {
		t.Fatalf("Plan: %v", err)
	}
	for _, item := range items {
		part := readItem(item, o)
		r.Pairs, r.Bad, r.Err = append(r.Pairs, part.Pairs...), append(r.Bad, part.Bad...), errors.Join(r.Err, part.Err)
	}
	return items, r
}

func TestPlan(t *testing.T) {
	var text strings.Builder
	rows := 0
	for text.Len() < 3*rangeBytes-rangeBytes/4 {
		text.WriteString(line(strings.Repeat("x", 5000)) + "\n")
		rows++
	}
	big, packed, empty := write(t, "big.jsonl", text.String()), write(t, "x.jsonl.gz", gzipOf(line("A"))), write(t, "empty.jsonl", "")
	array := write(t, "x.json", "["+line("B")+"]")
	items, got := planned(t, []string{empty, big, packed, array}, Options{})
	if got.Err != nil || len(got.Pairs) != rows+2 || len(got.Bad) != 0 {
		t.Fatalf("got %d pairs, %d refused, %v; want %d", len(got.Pairs), len(got.Bad), got.Err, rows+2)
	}
	n := int64(text.Len())
	want := []schemas.WorkItem{
		{File: 1, Path: big, Begin: 0, End: n / 3}, {File: 1, Path: big, Begin: n / 3, End: n * 2 / 3}, {File: 1, Path: big, Begin: n * 2 / 3, End: n},
		{File: 2, Path: packed, End: -1}, {File: 3, Path: array, End: -1},
	}
	if diff := cmp.Diff(want, items); diff != "" {
		t.Errorf("Plan (-want +got):\n%s", diff)
	}
	for i, p := range got.Pairs[1:] {
		if !got.Pairs[i].Source.Less(p.Source) {
			t.Fatalf("pair %d at %v does not come after %v", i+1, p.Source, got.Pairs[i].Source)
		}
	}
}

// TestLimit wants exactly the first rows, whatever the files are, blank lines left out and bad rows counted.
func TestLimit(t *testing.T) {
	lines := "\n" + line("0") + "\n\n{\n" + line("2") + "\r\n" + line("3")
	paths := []string{
		write(t, "a.jsonl", lines), write(t, "b.json", "["+line("4")+",1,"+line("6")+"]"), write(t, "c.jsonl.gz", gzipOf(line("7")+"\n"+line("8"))),
		write(t, "d.jsonl", " \n"), parquetFile(t, 2, "9", "10", "11", "12", "13"), write(t, "f.jsonl.zst", zstdOf(line("14"))),
	}
	const all = 15
	for limit := range int64(all + 3) {
		items, got := planned(t, paths, Options{Limit: limit})
		want := limit
		if limit == 0 || limit > all {
			want = all
		}
		if n := int64(len(got.Pairs) + len(got.Bad)); got.Err != nil || n != want {
			t.Errorf("limit %d: %d rows, %v; want %d", limit, n, got.Err, want)
		}
		for _, p := range got.Pairs {
			var n int64
			if fmt.Sscan(p.Prompt, &n); n >= want {
				t.Errorf("limit %d: got row %d", limit, n)
			}
		}
		if limit > 0 && limit <= 4 && len(items) != 1 {
			t.Errorf("limit %d: got the items %v, want one of the first file", limit, items)
		}
	}
}

func TestPlanFails(t *testing.T) {
	bad := write(t, "x.jsonl.gz", "no gzip")
	cut := write(t, "y.json", "["+line("A")+",")
	for _, test := range []struct {
		path string
		o    Options
		err  string
	}{{bad, Options{}, "its name says gzip"}, {cut, Options{Limit: 2}, "ends inside the array"}, {cut, Options{Limit: -2}, "limit"}} {
		if _, err := Plan(t.Context(), []Input{{Path: test.path}}, test.o); err == nil || !strings.Contains(err.Error(), test.err) {
			t.Errorf("Plan of %s with limit %d: got %v, want an error with %q", filepath.Base(test.path), test.o.Limit, err, test.err)
		}
	}
	if _, err := Plan(t.Context(), []Input{{Path: cut}}, Options{Limit: 1}); err != nil {
		t.Errorf("Plan of a cut array within the limit: %v", err)
	}
}
