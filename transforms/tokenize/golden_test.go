package tokenize

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/pairs"
	"github.com/steelyard-ml/steelyard/schemas"
)

// ids is a row of the goldens of TRL 1.16.0: testdata/goldens/pairs.
type ids struct {
	Prompt   []int32 `json:"prompt_ids"`
	Chosen   []int32 `json:"chosen_ids"`
	Rejected []int32 `json:"rejected_ids"`
}

// goldenLength is the max_length with which the goldens dropped rows; what stayed was not cut.
const goldenLength = 1024

// demoPairs returns the 300 real pairs that the goldens were made of.
func demoPairs(t *testing.T) []schemas.Pair {
	t.Helper()
	path := filepath.Join(tol.Root(t), "testdata", "data", "dpo_en_demo.json.gz")
	var out []schemas.Pair
	err := pairs.Read(t.Context(), schemas.WorkItem{Path: path, End: -1}, pairs.Options{},
		func(p schemas.Pair) error { out = append(out, p); return nil },
		func(q schemas.Quarantined) error { t.Errorf("quarantined %d: %s", q.Source.Pos, q.Reason); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 300 {
		t.Fatalf("read %d pairs, want 300", len(out))
	}
	return out
}

func goldenIDs(t *testing.T, name string) []ids {
	t.Helper()
	f, err := os.Open(tol.Golden(t, "pairs/"+name+".jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	var out []ids
	for d := json.NewDecoder(z); d.More(); {
		var row ids
		if err := d.Decode(&row); err != nil {
			t.Fatal(err)
		}
		out = append(out, row)
	}
	return out
}

// A message of a chat, as far as these tests need it.
type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

func messages(t *testing.T, text string) []message {
	t.Helper()
	var m []message
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// asText makes of a chat pair what the text goldens are made of: the prompt is the last human turn and what follows it.
func asText(t *testing.T, p schemas.Pair, after string) schemas.Pair {
	prompt := messages(t, p.Prompt)
	p.Kind = schemas.KindText
	p.Prompt = prompt[len(prompt)-1].Content + after
	p.Chosen = messages(t, p.Chosen)[0].Content
	p.Rejected = messages(t, p.Rejected)[0].Content
	return p
}

// implicit reads pairs again that hold prompt and completion in one, as rows without a prompt column do.
func implicit(t *testing.T, all []schemas.Pair) []schemas.Pair {
	t.Helper()
	path := filepath.Join(t.TempDir(), "implicit.jsonl")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	enc := json.NewEncoder(f)
	for _, p := range all {
		row := map[string]any{"chosen": p.Prompt + p.Chosen, "rejected": p.Prompt + p.Rejected}
		if p.Kind == schemas.KindChat {
			row["chosen"] = json.RawMessage(joinArrays(p.Prompt, p.Chosen))
			row["rejected"] = json.RawMessage(joinArrays(p.Prompt, p.Rejected))
		}
		if err := enc.Encode(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	var out []schemas.Pair
	err = pairs.Read(t.Context(), schemas.WorkItem{Path: path, End: -1}, pairs.Options{},
		func(p schemas.Pair) error { out = append(out, p); return nil },
		func(q schemas.Quarantined) error { t.Errorf("quarantined %d: %s", q.Source.Pos, q.Reason); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestGoldens(t *testing.T) {
	text := func(after string) func(*testing.T, []schemas.Pair) []schemas.Pair {
		return func(t *testing.T, all []schemas.Pair) []schemas.Pair {
			for i := range all {
				all[i] = asText(t, all[i], after)
			}
			return all
		}
	}
	for _, test := range []struct {
		golden, tokenizer string
		make              func(*testing.T, []schemas.Pair) []schemas.Pair
		diverged          bool // whether some rows must diverge
	}{
		{"smollm2_dpo_en_demo", "smollm2", nil, false},
		{"smollm2_dpo_en_demo_implicit", "smollm2", implicit, false},
		{"qwen2_5_dpo_en_demo", "tokenizers/models/qwen2_5", nil, false},
		{"gpt2_dpo_en_demo_text", "tokenizers/models/gpt2", text("\n\n"), true},
		{"gpt2_dpo_en_demo_text_implicit", "tokenizers/models/gpt2", func(t *testing.T, all []schemas.Pair) []schemas.Pair {
			return implicit(t, text("\n\n")(t, all))
		}, true},
		{"gpt2_dpo_en_demo_text_nospace", "tokenizers/models/gpt2", func(t *testing.T, all []schemas.Pair) []schemas.Pair {
			return text(" ")(t, all[:100])
		}, true},
	} {
		t.Run(test.golden, func(t *testing.T) {
			all := demoPairs(t)
			if test.make != nil {
				all = test.make(t, all)
			}
			e, err := NewEncoder(Options{Tokenizer: tol.Golden(t, test.tokenizer)})
			if err != nil {
				t.Fatal(err)
			}
			want := goldenIDs(t, test.golden)
			n, diverged := 0, 0
			for _, p := range all {
				got, q := e.Encode(p)
				if q != nil {
					t.Fatalf("row %d: %s: %s", p.Source.Pos, q.Code, q.Reason)
				}
				if len(got.PromptIDs) >= goldenLength {
					continue
				}
				if n == len(want) {
					t.Fatalf("more rows than the golden's %d", n)
				}
				w := want[n]
				n++
				if !slices.Equal(got.PromptIDs, w.Prompt) || !slices.Equal(got.ChosenIDs, w.Chosen) || !slices.Equal(got.RejectedIDs, w.Rejected) {
					t.Fatalf("row %d: %d, %d and %d ids, want %d, %d and %d\n got %q\nwant %q", p.Source.Pos,
						len(got.PromptIDs), len(got.ChosenIDs), len(got.RejectedIDs), len(w.Prompt), len(w.Chosen), len(w.Rejected),
						tail(e, got.PromptIDs, got.ChosenIDs), tail(e, w.Prompt, w.Chosen))
				}
				if got.Diverged {
					diverged++
				}
			}
			if n != len(want) || test.diverged != (diverged > 0) {
				t.Errorf("%d rows of which %d diverged; want %d, and some diverged: %v", n, diverged, len(want), test.diverged)
			}
		})
	}
}

// tail shows the boundary of a pair.
func tail(e *Encoder, prompt, completion []int32) string {
	end := prompt[max(0, len(prompt)-8):]
	return strings.Join([]string{e.Tokenizer.Decode(end, false), e.Tokenizer.Decode(completion[:min(8, len(completion))], false)}, "|")
}
