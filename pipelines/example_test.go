package pipelines_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"

	"github.com/steelyard-ml/steelyard/pipelines"
	"github.com/steelyard-ml/steelyard/runners"
)

// A program that makes a cache by itself: runners.Init comes first, in main.
func ExampleRunPrecompute() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	data := filepath.Join(dir, "pairs.jsonl")
	const rows = `{"prompt": "Name a colour.\n", "chosen": "Blue.", "rejected": "Seven."}
{"prompt": "Name a number.\n", "chosen": "Seven."}
`
	if err := os.WriteFile(data, []byte(rows), 0o666); err != nil {
		fmt.Println(err)
		return
	}

	o := pipelines.DefaultOptions()
	o.Inputs = []string{data}
	o.Model.Dir = filepath.Join("..", "testdata", "demo", "model")
	o.Cache = filepath.Join(dir, "cache")
	o.MaxQuarantine = 0.5
	o.Execute = func(ctx context.Context, p *beam.Pipeline) (map[string]int64, error) {
		r, err := runners.Run(ctx, "direct", p)
		return r.Counters, err
	}
	s, err := pipelines.RunPrecompute(context.Background(), o)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(s.Run.State, s.Run.Counts.Rows, s.Run.Counts.Quarantined)
	// Output: done 1 map[missing_field:1]
}
