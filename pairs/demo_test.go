package pairs

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/schemas"
)

// TestRealData reads 300 rows of real data in ShareGPT's layout, and then the same rows with the prompt inside chosen and rejected:
// the pairs must be the same.
func TestRealData(t *testing.T) {
	path := tol.Golden(t, "../data/dpo_en_demo.json")
	want := readFile(path, Options{})
	if want.Err != nil || len(want.Bad) > 0 || len(want.Pairs) != 300 {
		t.Fatalf("Read: %d pairs, refused %+v, %v", len(want.Pairs), want.Bad, want.Err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	type turn struct{ From, Value string }
	var rows []struct {
		Conversations    []turn
		Chosen, Rejected turn
	}
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	roles := map[string]string{"human": "user", "gpt": "assistant", "system": "system"}
	messages := func(turns ...turn) []map[string]string {
		var out []map[string]string
		for _, u := range turns {
			out = append(out, map[string]string{"role": roles[u.From], "content": u.Value})
		}
		return out
	}
	same := func(got string, want []map[string]string) bool {
		var v []map[string]string
		if err := json.Unmarshal([]byte(got), &v); err != nil || len(v) != len(want) {
			return false
		}
		for i := range v {
			if v[i]["role"] != want[i]["role"] || v[i]["content"] != want[i]["content"] {
				return false
			}
		}
		return true
	}
	var implicit []map[string]any
	for i, r := range rows {
		p := want.Pairs[i]
		if p.Kind != schemas.KindChat || p.Source.Pos != int64(i) || !same(p.Prompt, messages(r.Conversations...)) || !same(p.Chosen, messages(r.Chosen)) || !same(p.Rejected, messages(r.Rejected)) {
			t.Fatalf("row %d: got %+v", i, p)
		}
		implicit = append(implicit, map[string]any{"chosen": messages(append(r.Conversations[:len(r.Conversations):len(r.Conversations)], r.Chosen)...), "rejected": messages(append(r.Conversations[:len(r.Conversations):len(r.Conversations)], r.Rejected)...)})
	}
	text, err := json.Marshal(implicit)
	if err != nil {
		t.Fatal(err)
	}
	got := readFile(write(t, "implicit.json", string(text)), Options{})
	if got.Err != nil || len(got.Bad) > 0 || len(got.Pairs) != 300 {
		t.Fatalf("Read of implicit prompts: %d pairs, refused %+v, %v", len(got.Pairs), got.Bad, got.Err)
	}
	for i, p := range got.Pairs {
		if !same(p.Prompt, messages(rows[i].Conversations...)) || !same(p.Chosen, messages(rows[i].Chosen)) || !same(p.Rejected, messages(rows[i].Rejected)) {
			t.Errorf("row %d with an implicit prompt: got %+v", i, p)
		}
	}
}
