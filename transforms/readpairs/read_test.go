package readpairs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/pairs"
	"github.com/steelyard-ml/steelyard/schemas"
)

const rows = `{"prompt": "a", "chosen": "b", "rejected": "c"}
{"prompt": "a", "chosen": "b"
{"prompt": "d", "chosen": "e", "rejected": "f"}
`

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte(rows), 0o666); err != nil {
		t.Fatal(err)
	}
	inputs, err := pairs.Inputs(t.Context(), []string{path})
	if err != nil {
		t.Fatal(err)
	}
	items, err := pairs.Plan(t.Context(), inputs, pairs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var planned []schemas.WorkItem
	(&itemsFn{Items: items}).ProcessElement(nil, func(it schemas.WorkItem) { planned = append(planned, it) })
	if len(planned) != 1 {
		t.Fatalf("%d work items, want one", len(planned))
	}

	var f readFn
	f.Setup()
	var prompts []string
	var codes []schemas.Code
	for range 2 { // a bundle that runs again reads the same
		prompts, codes = nil, nil
		err = f.ProcessElement(t.Context(), planned[0],
			func(p schemas.Pair) { prompts = append(prompts, p.Prompt) },
			func(q schemas.Quarantined) {
				codes = append(codes, q.Code)
				if q.Path != "" || q.Source.Pos != int64(strings.Index(rows, "\n")+1) {
					t.Errorf("the quarantined row is at %q %v; want no path, the writer knows the file by its number", q.Path, q.Source)
				}
			})
		if err != nil {
			t.Fatal(err)
		}
		if len(prompts) != 2 || prompts[0] != "a" || prompts[1] != "d" || len(codes) != 1 || codes[0] != schemas.CodeBadJSON {
			t.Errorf("read prompts %q and codes %q, want a, d and bad_json", prompts, codes)
		}
	}
}

func TestReadStopsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte(rows), 0o666); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var f readFn
	f.Setup()
	n := 0
	err := f.ProcessElement(ctx, schemas.WorkItem{Path: path, End: -1},
		func(schemas.Pair) { n++; cancel() }, func(schemas.Quarantined) { n++ })
	if !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("read %d rows, then %v; want 1, then context.Canceled", n, err)
	}
}

func TestFileThatIsNotThere(t *testing.T) {
	var f readFn
	f.Setup()
	err := f.ProcessElement(t.Context(), schemas.WorkItem{Path: filepath.Join(t.TempDir(), "none.jsonl"), End: -1}, nil, nil)
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want os.ErrNotExist", err)
	}
}
