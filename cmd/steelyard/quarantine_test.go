package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/schemas"
)

// Rows of every kind that can't be scored, each with the code it must go to quarantine with.
var refusedRows = []struct{ code, row string }{
	{schemas.CodeBadJSON, `{"prompt": "a", "chosen": "b", "rejected"`},
	{schemas.CodeBadJSON, `["no", "object"]`},
	{schemas.CodeBadUTF8, "{\"prompt\": \"a\xff\", \"chosen\": \"b\", \"rejected\": \"c\"}"},
	{schemas.CodeMissingField, `{"prompt": "a", "chosen": "b", "rejected": null}`},
	{schemas.CodeBadField, `{"prompt": "a", "chosen": 7, "rejected": "c"}`},
	{schemas.CodeUnknownLayout, `{"question": "a", "answer": "b"}`},
	{schemas.CodeUnsupportedField, `{"prompt": "a", "chosen": "b", "rejected": "c", "images": ["x.png"]}`},
	{schemas.CodeUnsupportedField, `{"prompt": "a", "completion": "b", "label": true}`},
	{schemas.CodeRowTooLarge, `{"prompt": "` + strings.Repeat("a", 40000) + `", "chosen": "b", "rejected": "c"}`},
	{schemas.CodeTemplateError, `{"prompt": [{"role": "robot", "content": "a"}], "chosen": [{"role": "assistant", "content": "b"}], "rejected": [{"role": "assistant", "content": "c"}]}`},
	{schemas.CodeEmptyPrompt, `{"prompt_ids": [], "chosen_ids": [5], "rejected_ids": [6]}`},
	{schemas.CodeEmptyCompletion, `{"prompt_ids": [5], "chosen_ids": [], "rejected_ids": [6]}`},
	{schemas.CodePromptNotPrefix, `{"prompt": "th", "chosen": "e cat", "rejected": "e dog"}`},
	{schemas.CodeDoubleBOS, `{"prompt_ids": [1, 1, 7], "chosen_ids": [5], "rejected_ids": [6]}`},
	{schemas.CodeBadToken, `{"prompt_ids": [5], "chosen_ids": [4000000], "rejected_ids": [6]}`},
	{schemas.CodeTooManyPositions, `{"prompt": "` + strings.Repeat("a!", 750) + `", "chosen": " b", "rejected": " c"}`},
	{schemas.CodePromptTooLong, `{"prompt": "` + strings.Repeat("a!", 1500) + `", "chosen": " b", "rejected": " c"}`},
	{schemas.CodeIdentical, `{"prompt": "Same", "chosen": " thing.", "rejected": " thing."}`},
}

const pickyTemplate = `{% for m in messages %}{% if m.role == 'robot' %}{{ raise_exception('no robots') }}{% endif %}<|im_start|>{{ m.role }}: {{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant: {% endif %}`

// Every kind of bad row ends in quarantine with its code, its place, a reason and its text, and the good rows among them are scored.
func TestQuarantine(t *testing.T) {
	model, _ := demoFiles(t)
	dir := t.TempDir()
	const good = `{"prompt": "One and", "chosen": " two.", "rejected": " four."}`
	var data bytes.Buffer
	want := map[int64]schemas.Code{}
	text := map[int64]string{}
	for _, r := range refusedRows {
		data.WriteString(good + "\n")
		want[int64(data.Len())], text[int64(data.Len())] = r.code, r.row
		data.WriteString(r.row + "\n")
	}
	pairs, template, cacheDir := filepath.Join(dir, "pairs.jsonl"), filepath.Join(dir, "template.jinja"), filepath.Join(dir, "cache")
	for path, content := range map[string][]byte{pairs: data.Bytes(), template: []byte(pickyTemplate)} {
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, _ := invoke(t, exitDone, "precompute", "--model", model, "--pairs", pairs, "--cache", cacheDir, "--max-quarantine", "1", "--boundary", "strict",
		"--drop-identical", "--max-length", "2000", "--max-row-bytes", "20000", "--chat-template", template)
	if n := len(rows(t, cacheDir)); n != len(refusedRows) {
		t.Errorf("%d rows were scored, want %d", n, len(refusedRows))
	}
	got := quarantined(t, cacheDir)
	for pos, code := range want {
		q, ok := got[pos]
		switch {
		case !ok:
			t.Errorf("the row at %d (%s, %.60s) is not in quarantine", pos, code, text[pos])
		case q.Code != code:
			t.Errorf("the row at %d has code %s (%s), want %s", pos, q.Code, q.Reason, code)
		case q.Path != pairs || len(q.Reason) < 20 || !strings.HasPrefix(strings.ToValidUTF8(text[pos], "\uFFFD"), q.Raw[:min(len(q.Raw), 20)]):
			t.Errorf("the row at %d: path %q, reason %q, raw %.40q", pos, q.Path, q.Reason, q.Raw)
		}
		if len(q.Raw) > schemas.RawLimit {
			t.Errorf("the row at %d keeps %d bytes", pos, len(q.Raw))
		}
		if !strings.Contains(out, code) {
			t.Errorf("the summary does not count %s:\n%s", code, out)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d rows in quarantine, want %d", len(got), len(want))
	}
}

// quarantined reads the quarantine of a cache, by place.
func quarantined(t *testing.T, dir string) map[int64]schemas.Quarantined {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "quarantine", "*", "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[int64]schemas.Quarantined{}
	for _, file := range files {
		s := bufio.NewScanner(bytes.NewReader(readFile(t, file)))
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			var q schemas.Quarantined
			if err := json.Unmarshal(s.Bytes(), &q); err != nil {
				t.Fatal(err)
			}
			out[q.Source.Pos] = q
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// A reference that gives NaN is no reference: its rows go to quarantine, and the run fails.
func TestNonFiniteReference(t *testing.T) {
	from, pairs := demoFiles(t)
	d, err := checkpoint.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	c, err := d.Config()
	if err != nil {
		t.Fatal(err)
	}
	var tensors []checkpoint.Named
	for _, spec := range c.Tensors() {
		stored, err := d.Tensor(spec.Name)
		if err != nil {
			t.Fatal(err)
		}
		wide := checkpoint.Named{Name: spec.Name, Shape: spec.Shape, Data: make([]float32, stored.Len())}
		stored.Widen(wide.Data, 0)
		if strings.Contains(spec.Name, "layers.2.mlp.up") {
			wide.Data[7] = float32(math.NaN())
		}
		tensors = append(tensors, wide)
	}
	dir := t.TempDir()
	broken, cacheDir := filepath.Join(dir, "model"), filepath.Join(dir, "cache")
	if err := checkpoint.Save(broken, d, tensors); err != nil {
		t.Fatal(err)
	}
	_, errs := invoke(t, exitFailed, "precompute", "--model", broken, "--pairs", pairs, "--cache", cacheDir, "--limit", "3")
	if !strings.Contains(errs, schemas.CodeNonFinite) {
		t.Errorf("the message does not name %s:\n%s", schemas.CodeNonFinite, errs)
	}
	if _, err := os.Stat(filepath.Join(cacheDir, "manifest.json")); err == nil {
		t.Error("a failed run made a cache")
	}
}
