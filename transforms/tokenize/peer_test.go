package tokenize

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/pairs"
	"github.com/steelyard-ml/steelyard/schemas"
)

// A peerRow is a row of preference data for one of the peer's tokenizers.
type peerRow struct {
	Tokenizer int            `json:"tokenizer"`
	Row       map[string]any `json:"row"`
}

type peerIDs struct {
	ids
	Error string
}

// trl tokenizes rows with TRL's own code.
func trl(t *testing.T, tokenizers []string, rows []peerRow) []peerIDs {
	t.Helper()
	var out []peerIDs
	tol.Ask(t, filepath.Join("testdata", "trl_rows.py"), map[string]any{"tokenizers": tokenizers, "rows": rows}, &out)
	if len(out) != len(rows) {
		t.Fatalf("%d outcomes of %d rows", len(out), len(rows))
	}
	return out
}

// Templates that show what they were given: one as most models have, one that tells tools from none, one that renders a prompt alone
// differently, and one that prints whole messages.
const (
	plainTemplate = "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.content is string %}{{ m.content | trim }}{% else %}{% for p in m.content %}{{ p.text }}{% endfor %}{% endif %}{{ m.reasoning_content }}<|im_end|>\n{% endfor %}" +
		"{% if add_generation_prompt %}<|im_start|>assistant\n{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
	toolTemplate = "{{ tools | tojson(indent=1) }}{{ strftime_now('%Y-%m-%d') }}" + plainTemplate
	wordTemplate = "{{ bos_token }}{% for m in messages %}{{ loop.index }}{{ m }}{{ eos_token }}{% endfor %}{{ tools is none }}{{ 'go on' if add_generation_prompt }}"
)

// tokenizerDirs makes directories with the tokenizer of the demo model and chat templates in every place where they may be.
func tokenizerDirs(t *testing.T) []string {
	t.Helper()
	type named struct {
		Name     string `json:"name"`
		Template string `json:"template"`
	}
	var dirs []string
	for _, files := range []map[string]any{
		{},
		{"chat_template.jinja": plainTemplate},
		{"chat_template.jinja": plainTemplate, "additional_chat_templates/tool_use.jinja": toolTemplate, "additional_chat_templates/rag.jinja": "rag"},
		{"chat_template": []named{{"default", wordTemplate}, {"tool_use", toolTemplate}}},
		{"chat_template": []named{{"tool_use", toolTemplate}}},
		{"chat_template": toolTemplate, "additional_chat_templates/default.jinja": wordTemplate},
		{"chat_template": wordTemplate, "bos_token": "<|im_start|>"},
		{"chat_template": "{{ raise_exception('never') }}"},
	} {
		dir := t.TempDir()
		var config map[string]any
		for _, name := range []string{"tokenizer.json", "tokenizer_config.json"} {
			text, err := os.ReadFile(filepath.Join(demoModel(t), name))
			if err != nil {
				t.Fatal(err)
			}
			if name == "tokenizer.json" {
				writeFile(t, filepath.Join(dir, name), text)
			} else if err := json.Unmarshal(text, &config); err != nil {
				t.Fatal(err)
			}
		}
		delete(config, "chat_template")
		for name, value := range files {
			if strings.HasSuffix(name, ".jinja") {
				writeFile(t, filepath.Join(dir, filepath.FromSlash(name)), []byte(value.(string)))
			} else {
				config[name] = value
			}
		}
		text, err := json.Marshal(config)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, "tokenizer_config.json"), text)
		dirs = append(dirs, dir)
	}
	return dirs
}

func writeFile(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// rowMaker makes rows of preference data at random.
type rowMaker struct{ r *rand.Rand }

func (m rowMaker) pick(options ...string) string { return options[m.r.IntN(len(options))] }
func (m rowMaker) chance(n int) bool             { return m.r.IntN(n) == 0 }

func (m rowMaker) text() string {
	s := ""
	for range 1 + m.r.IntN(5) {
		s += m.pick("The sky", " is", " blue", " green.", "\n", "  ", "answ", "er", "é😀", " 42", "<|im_end|>", "<|endoftext|>", "你好", " a", "\u00a0", "'s", "(x)")
	}
	return s
}

func (m rowMaker) message(role string) map[string]any {
	msg := map[string]any{"role": role, "content": m.text()}
	switch m.r.IntN(8) {
	case 0:
		msg["content"] = []any{map[string]any{"type": "text", "text": m.text()}, map[string]any{"type": "text", "text": m.text()}}
	case 1:
		msg[m.pick("reasoning_content", "thinking", "reasoning")] = m.text()
	case 2:
		msg[m.pick("name", "weight", "tool_calls", "refusal")] = nil
	case 3:
		if role == "assistant" {
			msg["tool_calls"] = []any{map[string]any{"type": "function", "function": map[string]any{"name": "f", "arguments": map[string]any{"x": 1.5, "n": nil, "l": []int{1}}}}}
			if m.chance(2) {
				msg["content"] = nil
			}
		}
	case 4:
		if role == "assistant" {
			msg["tool_calls"] = []any{}
		}
	}
	return msg
}

func (m rowMaker) turns(roles ...string) []any {
	var out []any
	for _, role := range roles {
		out = append(out, m.message(role))
	}
	return out
}

func (m rowMaker) row() map[string]any {
	if m.chance(4) { // text
		prompt, chosen, rejected := m.text(), m.text(), m.text()
		if m.chance(2) {
			return map[string]any{"chosen": "Q " + prompt + chosen, "rejected": "Q " + prompt + rejected}
		}
		return map[string]any{"prompt": prompt, "chosen": chosen, "rejected": rejected}
	}
	prompt := m.turns([][]string{{"user"}, {"system", "user"}, {"user", "assistant", "user"}, {"system", "user", "assistant"}, {"user", "tool"}, {"user", "system", "user"}}[m.r.IntN(6)]...)
	chosen, rejected := m.turns("assistant"), m.turns("assistant")
	if m.chance(4) {
		chosen = m.turns("assistant", "tool", "assistant")
	}
	row := map[string]any{"prompt": prompt, "chosen": chosen, "rejected": rejected}
	if m.chance(3) {
		row = map[string]any{"chosen": slices.Concat(prompt, chosen), "rejected": slices.Concat(prompt, rejected)}
	}
	tool := map[string]any{"type": "function", "function": map[string]any{"name": "f", "description": "d \"é\"", "parameters": map[string]any{"type": "object", "properties": map[string]any{}}}}
	switch m.r.IntN(5) {
	case 0:
		row["tools"] = []any{tool}
	case 1:
		text, _ := json.Marshal([]any{tool, tool})
		row["tools"] = string(text)
	case 2:
		row["tools"] = []any{}
	case 3:
		row["tools"] = nil
	}
	if m.chance(3) {
		row["chat_template_kwargs"] = []map[string]any{{}, {"enable_thinking": false}, {"enable_thinking": true, "eos_token": "!"}, {"documents": []any{map[string]any{"title": "t"}}}}[m.r.IntN(4)]
	}
	return row
}

// TestRowsAsTRL tokenizes random rows, of every layout that TRL reads, with its own code and with ours.
func TestRowsAsTRL(t *testing.T) {
	dirs := tokenizerDirs(t)
	m := rowMaker{rand.New(rand.NewPCG(1, 0))}
	var rows []peerRow
	for i := range 400 {
		rows = append(rows, peerRow{i % len(dirs), m.row()})
	}
	want := trl(t, dirs, rows)
	compared, refused := 0, 0
	var encoders []*Encoder
	for _, dir := range dirs {
		encoders = append(encoders, newEncoder(t, Options{Tokenizer: dir, Date: "2024-07-06"}))
	}
	for i, row := range rows {
		text, err := json.Marshal(row.Row)
		if err != nil {
			t.Fatal(err)
		}
		got, why := ourIDs(t, encoders[row.Tokenizer], string(text))
		switch {
		case want[i].Error != "" && why == "":
			t.Errorf("%d: no error, want %s\n%s", row.Tokenizer, want[i].Error, text)
		case want[i].Error == "" && why != "" && len(want[i].Prompt) > 0 && len(want[i].Chosen) > 0 && len(want[i].Rejected) > 0: // TRL keeps what has nothing to score
			t.Errorf("%d: %s, want ids\n%s", row.Tokenizer, why, text)
		case why != "":
			refused++
		case !slices.Equal(got.Prompt, want[i].Prompt) || !slices.Equal(got.Chosen, want[i].Chosen) || !slices.Equal(got.Rejected, want[i].Rejected):
			e := encoders[row.Tokenizer]
			t.Errorf("%d: %s\n got %q\nwant %q", row.Tokenizer, text, tail(e, got.Prompt, got.Chosen), tail(e, want[i].Prompt, want[i].Chosen))
		default:
			compared++
		}
	}
	if compared < len(rows)/2 {
		t.Errorf("only %d of %d rows compared", compared, len(rows))
	}
	t.Logf("%d rows with the same ids, %d refused by both", compared, refused)
}

// ourIDs reads a row as a data set of one line, and tokenizes it; or says why not.
func ourIDs(t *testing.T, e *Encoder, row string) (out ids, why string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "row.jsonl")
	writeFile(t, path, []byte(row))
	err := pairs.Read(t.Context(), schemas.WorkItem{Path: path, End: -1}, pairs.Options{},
		func(p schemas.Pair) error {
			pair, q := e.Encode(p)
			if q != nil {
				why = fmt.Sprintf("%s: %s", q.Code, q.Reason)
			}
			out = ids{pair.PromptIDs, pair.ChosenIDs, pair.RejectedIDs}
			return nil
		},
		func(q schemas.Quarantined) error { why = fmt.Sprintf("%s: %s", q.Code, q.Reason); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return out, why
}
