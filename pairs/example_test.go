package pairs_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/steelyard-ml/steelyard/pairs"
	"github.com/steelyard-ml/steelyard/schemas"
)

func Example() {
	dir, err := os.MkdirTemp("", "pairs")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	data := `{"prompt":"The sky is","chosen":" blue.","rejected":" green.","id":7}
{"chosen":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello!"}],"rejected":[{"role":"user","content":"Hi"},{"role":"assistant","content":"What?"}]}
{"prompt":"No answers"}
`
	if err := os.WriteFile(filepath.Join(dir, "data.jsonl"), []byte(data), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	o := pairs.Options{}
	inputs, err := pairs.Inputs(ctx, []string{dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	items, err := pairs.Plan(ctx, inputs, o)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, item := range items {
		err := pairs.Read(ctx, item, o, func(p schemas.Pair) error {
			fmt.Printf("%d: %s | %s | %s\n", p.Source.Pos, p.Prompt, p.Chosen, p.Rejected)
			return nil
		}, func(q schemas.Quarantined) error {
			fmt.Printf("%d: %s\n", q.Source.Pos, q.Code)
			return nil
		})
		if err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// 0: The sky is |  blue. |  green.
	// 70: [{"role":"user","content":"Hi"}] | [{"role":"assistant","content":"Hello!"}] | [{"role":"assistant","content":"What?"}]
	// 237: unknown_layout
}
