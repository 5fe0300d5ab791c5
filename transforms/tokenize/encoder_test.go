package tokenize

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/schemas"
)

func demoModel(t testing.TB) string { return filepath.Join(tol.Root(t), "testdata", "demo", "model") }

func newEncoder(t testing.TB, o Options) *Encoder {
	t.Helper()
	if o.Tokenizer == "" {
		o.Tokenizer = demoModel(t)
	}
	e, err := NewEncoder(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func turns(t testing.TB, roleAndText ...string) string {
	t.Helper()
	var m []message
	for i := 0; i < len(roleAndText); i += 2 {
		m = append(m, message{roleAndText[i], roleAndText[i+1]})
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestChat(t *testing.T) {
	e := newEncoder(t, Options{})
	p := schemas.Pair{
		Source: schemas.Source{File: 2, Pos: 40}, Kind: schemas.KindChat, Meta: `{"a":1}`, Raw: "raw",
		Prompt:   turns(t, "system", "Be brief.", "user", "Name a colour."),
		Chosen:   turns(t, "assistant", "Blue."),
		Rejected: turns(t, "assistant", "A sort of green, perhaps."),
	}
	got, q := e.Encode(p)
	if q != nil {
		t.Fatal(q)
	}
	text := func(ids []int32) string { return e.Tokenizer.Decode(ids, false) }
	for _, side := range []struct{ name, got, want string }{
		{"prompt", text(got.PromptIDs), "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nName a colour.<|im_end|>\n<|im_start|>assistant\n"},
		{"chosen", text(got.ChosenIDs), "Blue.<|im_end|>\n"},
		{"rejected", text(got.RejectedIDs), "A sort of green, perhaps.<|im_end|>\n"},
	} {
		if side.got != side.want {
			t.Errorf("%s is %q, want %q", side.name, side.got, side.want)
		}
	}
	if got.Source != p.Source || got.Meta != p.Meta || got.Raw != p.Raw || got.Diverged || got.ChosenTruncated || got.RejectedTruncated {
		t.Errorf("the pair came out as %+v", got)
	}
	if want := cache.PairID(got.PromptIDs, got.ChosenIDs, got.RejectedIDs); got.ID != want {
		t.Errorf("id %s, want %s", got.ID, want)
	}
}

func TestTextEndsInEOS(t *testing.T) {
	e := newEncoder(t, Options{})
	eos, id, ok := e.Tokenizer.EOS()
	if !ok {
		t.Fatal("the model has no eos_token")
	}
	got, q := e.Encode(schemas.Pair{Kind: schemas.KindText, Prompt: "Name a colour.\n", Chosen: "Blue.", Rejected: "Green." + eos})
	if q != nil {
		t.Fatal(q)
	}
	for _, side := range [][]int32{got.ChosenIDs, got.RejectedIDs} {
		if n := len(side); side[n-1] != id || n > 1 && side[n-2] == id {
			t.Errorf("completion %v does not end in one %d", side, id)
		}
	}
}

// One completion goes on with the prompt's last word and merges with it, the other does not: both start where the earlier one leaves the
// prompt, whichever side that is.
func TestBoundary(t *testing.T) {
	for _, sides := range [][2]string{{"er is blue", " 42"}, {" 42", "er is blue"}} {
		testBoundary(t, schemas.Pair{Kind: schemas.KindText, Prompt: "This is the answ", Chosen: sides[0], Rejected: sides[1]})
	}
}

func testBoundary(t *testing.T, p schemas.Pair) {
	e := newEncoder(t, Options{})
	prompt := e.Tokenizer.Encode(p.Prompt, true)
	chosen := e.Tokenizer.Encode(p.Prompt+p.Chosen, true)
	rejected := e.Tokenizer.Encode(p.Prompt+p.Rejected, true)
	a, b := sharedPrefix(prompt, chosen), sharedPrefix(prompt, rejected)
	if a == b || min(a, b) == len(prompt) {
		t.Fatalf("the sequences leave the prompt's %d tokens after %d and %d; this test needs two places", len(prompt), a, b)
	}
	got, q := e.Encode(p)
	if q != nil {
		t.Fatal(q)
	}
	n := min(a, b)
	if !got.Diverged || !slices.Equal(got.PromptIDs, prompt[:n]) || !slices.Equal(got.ChosenIDs[:len(chosen)-n], chosen[n:]) {
		t.Errorf("boundary at %d of %d tokens, diverged %v; want %d and true", len(got.PromptIDs), len(prompt), got.Diverged, n)
	}

	e = newEncoder(t, Options{Boundary: Strict})
	if _, q := e.Encode(p); q == nil || q.Code != schemas.CodePromptNotPrefix || !strings.Contains(q.Reason, fmt.Sprintf("last %d tokens, %q", len(prompt)-n, e.Tokenizer.Decode(prompt[n:], false))) {
		t.Errorf("strict: %+v, want prompt_not_prefix and the tokens in words", q)
	}
}

func ints(n int, from int32) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = from + int32(i)
	}
	return out
}

func TestTruncation(t *testing.T) {
	for _, test := range []struct {
		prompt, chosen, rejected, max int
		wantChosen, wantRejected      int
		code                          schemas.Code
	}{
		{4, 6, 3, 0, 6, 3, ""},
		{4, 6, 3, 10, 6, 3, ""},
		{4, 6, 3, 9, 5, 3, ""},
		{4, 6, 3, 6, 2, 2, ""},
		{4, 6, 3, 5, 1, 1, ""},
		{4, 6, 3, 4, 0, 0, schemas.CodePromptTooLong},
		{4, 6, 3, 2, 0, 0, schemas.CodePromptTooLong},
	} {
		t.Run(fmt.Sprint(test.prompt, test.chosen, test.rejected, "max ", test.max), func(t *testing.T) {
			e := Encoder{MaxLength: test.max}
			p := schemas.Pair{Kind: schemas.KindTokens, PromptIDs: ints(test.prompt, 0), ChosenIDs: ints(test.chosen, 50), RejectedIDs: ints(test.rejected, 90)}
			got, q := e.Encode(p)
			if test.code != "" {
				if q == nil || q.Code != test.code {
					t.Fatalf("quarantined as %+v, want %s", q, test.code)
				}
				return
			}
			if q != nil {
				t.Fatal(q)
			}
			want := schemas.TokenPair{
				PromptIDs: ints(test.prompt, 0), ChosenIDs: ints(test.wantChosen, 50), RejectedIDs: ints(test.wantRejected, 90),
				ChosenTruncated: test.wantChosen < test.chosen, RejectedTruncated: test.wantRejected < test.rejected,
			}
			want.ID = cache.PairID(want.PromptIDs, want.ChosenIDs, want.RejectedIDs)
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	bos := newEncoder(t, Options{})
	_, id, ok := bos.Tokenizer.BOS()
	if !ok {
		t.Fatal("the model has no bos_token")
	}
	tokens := func(prompt, chosen, rejected []int32) schemas.Pair {
		return schemas.Pair{Kind: schemas.KindTokens, PromptIDs: prompt, ChosenIDs: chosen, RejectedIDs: rejected}
	}
	one, two := []int32{11}, []int32{12}
	user := turns(t, "user", "Hi")
	for _, test := range []struct {
		name    string
		encoder *Encoder
		pair    schemas.Pair
		code    schemas.Code
		reason  string
	}{
		{"no kind", &Encoder{}, schemas.Pair{}, schemas.CodeUnknownLayout, "neither"},
		{"empty prompt", &Encoder{}, tokens(nil, one, two), schemas.CodeEmptyPrompt, "no token"},
		{"empty text", bos, schemas.Pair{Kind: schemas.KindText, Chosen: "a", Rejected: "b"}, schemas.CodeEmptyPrompt, "no token"},
		{"empty chosen", &Encoder{}, tokens(one, nil, two), schemas.CodeEmptyCompletion, "chosen"},
		{"empty rejected", &Encoder{}, tokens(one, two, nil), schemas.CodeEmptyCompletion, "rejected"},
		{"id too large", &Encoder{Vocab: 12}, tokens(one, one, two), schemas.CodeBadToken, "token id 12"},
		{"id negative", &Encoder{}, tokens([]int32{-1}, one, two), schemas.CodeBadToken, "token id -1"},
		{"positions", &Encoder{Positions: 3}, tokens(one, one, ints(3, 0)), schemas.CodeTooManyPositions, "4 tokens"},
		{"identical", &Encoder{Identical: Drop}, tokens(one, two, two), schemas.CodeIdentical, "same tokens"},
		{"two BOS", bos, tokens([]int32{id, id}, one, two), schemas.CodeDoubleBOS, "two beginning-of-sequence"},
		{"BOS and then BOS", bos, tokens([]int32{id}, one, []int32{id, 5}), schemas.CodeDoubleBOS, "two beginning-of-sequence"},
		{"text without tokenizer", &Encoder{}, schemas.Pair{Kind: schemas.KindText, Prompt: "a"}, schemas.CodeBadField, "no tokenizer"},
		{"chat without template", &Encoder{Tokenizer: bos.Tokenizer}, schemas.Pair{Kind: schemas.KindChat, Prompt: user}, schemas.CodeTemplateError, "no chat template"},
		{"template raises", newEncoder(t, Options{Template: `{{ raise_exception("no system turn") }}`}),
			schemas.Pair{Kind: schemas.KindChat, Prompt: user, Chosen: user, Rejected: user}, schemas.CodeTemplateError, "no system turn"},
		{"not messages", bos, schemas.Pair{Kind: schemas.KindChat, Prompt: `{"role":"user"}`, Chosen: "x", Rejected: "]["}, schemas.CodeTemplateError, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.pair.Raw, test.pair.Source = "raw", schemas.Source{File: 1, Pos: 7}
			got, q := test.encoder.Encode(test.pair)
			if q == nil {
				t.Fatalf("encoded as %+v, want %s", got, test.code)
			}
			if q.Code != test.code || !strings.Contains(q.Reason, test.reason) || q.Raw != "raw" || q.Source != test.pair.Source {
				t.Errorf("quarantined as %+v, want %s and %q", q, test.code, test.reason)
			}
		})
	}
	// What is left alone.
	for name, test := range map[string]struct {
		encoder *Encoder
		pair    schemas.Pair
	}{
		"identical is kept":         {&Encoder{}, tokens(one, two, two)},
		"last id and last position": {&Encoder{Vocab: 13, Positions: 2}, tokens(one, one, two)},
		"BOS later":                 {bos, tokens([]int32{id, 5, id}, []int32{id}, []int32{id})},
	} {
		if _, q := test.encoder.Encode(test.pair); q != nil {
			t.Errorf("%s: quarantined as %+v", name, q)
		}
	}
}

func TestTemplateGetsEverything(t *testing.T) {
	e := newEncoder(t, Options{
		Date: "2024-07-26",
		Template: `{{ strftime_now("%d %b %Y") }}|{{ tools[0].name }}|{{ mood }}|{{ eos_token }}|` +
			`{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}`,
	})
	got, q := e.Encode(schemas.Pair{
		Kind: schemas.KindChat, Prompt: turns(t, "user", "Hi"), Chosen: turns(t, "assistant", "Ho"), Rejected: turns(t, "assistant", "No"),
		Tools: `[{"name":"clock"}]`, TemplateArgs: `{"mood":"calm"}`,
	})
	if q != nil {
		t.Fatal(q)
	}
	eos, _, _ := e.Tokenizer.EOS()
	if prompt, want := e.Tokenizer.Decode(got.PromptIDs, false), "26 Jul 2024|clock|calm|"+eos+"|user:Hi;assistant:"; prompt != want {
		t.Errorf("prompt %q, want %q", prompt, want)
	}
	if chosen := e.Tokenizer.Decode(got.ChosenIDs, false); chosen != "Ho;" {
		t.Errorf("chosen %q, want %q", chosen, "Ho;")
	}
}

func TestJoinArrays(t *testing.T) {
	for _, test := range [][3]string{
		{`[1]`, `[2,3]`, `[1,2,3]`},
		{` [1] `, "\n[2]", `[1,2]`},
		{`[]`, `[2]`, `[2]`},
		{`[ ]`, `[2]`, `[2]`},
		{`[1]`, `[ ]`, `[1]`},
		{`[]`, `[]`, `[]`},
		{`1`, `[2]`, `1[2]`},
		{`]`, `[`, `,`},
		{``, ``, ``},
	} {
		if got := joinArrays(test[0], test[1]); got != test[2] {
			t.Errorf("joinArrays(%q, %q) = %q, want %q", test[0], test[1], got, test[2])
		}
	}
}

func TestOptions(t *testing.T) {
	err := Options{Date: "today", MaxLength: 1, Boundary: "loose", Identical: "no", Vocab: -1}.Validate()
	for _, field := range []string{"date", "max_length", "boundary", "identical", "vocab"} {
		if err == nil || !strings.Contains("\n"+err.Error(), "\n"+field) {
			t.Errorf("faults lack %s: %v", field, err)
		}
	}
	if err := (Options{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
	// Where all pairs are token ids a directory without a tokenizer will do.
	if e, err := NewEncoder(Options{Tokenizer: t.TempDir()}); err != nil || e.Tokenizer != nil || e.Template != nil {
		t.Errorf("a directory without tokenizer: %+v, %v", e, err)
	}
	if _, err := NewEncoder(Options{Template: "{% if %}"}); err == nil {
		t.Error("a broken template was accepted")
	}
}

func TestDescribe(t *testing.T) {
	o := Options{Tokenizer: demoModel(t), MaxLength: 512, Date: "2024-07-26"}
	a, err := Describe(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(a) != 6 || !strings.HasPrefix(a.Item(schemas.ItemTokenizer).Digest, "sha256:") ||
		!strings.HasPrefix(a.Item(schemas.ItemChatTemplate).Digest, "sha256:") || a.Item(schemas.ItemMaxLength).Digest != "512" {
		t.Errorf("described as %+v", a)
	}
	o.Template, o.Boundary = "{{ messages }}", Strict
	b, err := Describe(o)
	if err != nil {
		t.Fatal(err)
	}
	var differ []string
	for _, d := range a.Differ(b) {
		differ = append(differ, d[0].Name)
	}
	if want := []string{schemas.ItemChatTemplate, schemas.ItemBoundary}; !slices.Equal(differ, want) {
		t.Errorf("another template and boundary differ in %v, want %v", differ, want)
	}
}

// Rows with tools take the template named tool_use, where there is one; a template that was given serves all rows.
func TestNamedTemplates(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json"} {
		text, err := os.ReadFile(filepath.Join(demoModel(t), name))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, name), text)
	}
	const body = "{% for m in messages %}{{ m.content }}{% endfor %}"
	named := filepath.Join(dir, "additional_chat_templates", "tool_use.jinja")
	writeFile(t, named, []byte("tools:"+body))
	prompt := func(o Options, tools string) string {
		t.Helper()
		e := newEncoder(t, o)
		got, q := e.Encode(schemas.Pair{Kind: schemas.KindChat, Prompt: turns(t, "user", "Hi\n"), Chosen: turns(t, "assistant", "A"), Rejected: turns(t, "assistant", "B"), Tools: tools})
		if q != nil {
			return string(q.Code) + ": " + q.Reason
		}
		return e.Tokenizer.Decode(got.PromptIDs, false)
	}
	const tool = `[{"type":"function"}]`
	if got := prompt(Options{Tokenizer: dir}, ""); !strings.HasPrefix(got, "template_error: ") || !strings.Contains(got, "no chat template for rows without tools") || !strings.Contains(got, "--chat-template") {
		t.Errorf("without a default: %q", got)
	}
	writeFile(t, filepath.Join(dir, "chat_template.jinja"), []byte(body))
	for _, test := range []struct{ template, tools, want string }{
		{"", "", "Hi\n"}, {"", tool, "tools:Hi\n"}, {"", "[]", "tools:Hi\n"}, {"given:" + body, "", "given:Hi\n"}, {"given:" + body, tool, "given:Hi\n"},
	} {
		if got := prompt(Options{Tokenizer: dir, Template: test.template}, test.tools); got != test.want {
			t.Errorf("template %q, tools %q: %q, want %q", test.template, test.tools, got, test.want)
		}
	}
	before, err := Describe(Options{Tokenizer: dir})
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, named, []byte("other:"+body))
	if after, err := Describe(Options{Tokenizer: dir}); err != nil || len(before.Differ(after)) != 1 || before.Differ(after)[0][0].Name != schemas.ItemChatTemplate {
		t.Errorf("another template for tools: %v, %v", before.Differ(after), err)
	}
}
