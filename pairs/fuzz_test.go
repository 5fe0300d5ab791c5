package pairs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/schemas"
)

// FuzzParse compares the parser with encoding/json: what it accepts is JSON of the same meaning, and what it refuses is no JSON or one
// of the things it refuses on purpose. What it writes, it reads back.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"a":[1,-0.5e+7,null,true,"\u00e9\ud83d\ude00\n"]}`, `[]`, `"\ud800"`, `{"a":1,"a":2}`, "\"\xff\"", ` 01`, `-`, `nul`, `{"":{}}`, `1E400`, "\"\u2028\x7f\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var v value
		var err error
		tol.AllocatesAtMost(t, 1<<16+300*int64(len(s)), func() { v, err = parse(s) })
		valid := json.Valid([]byte(s))
		if err != nil {
			purposes := []string{"is not valid UTF-8", "stands twice", "lone surrogate", "deeper"}
			if valid && !slices.ContainsFunc(purposes, func(p string) bool { return strings.Contains(err.Error(), p) }) {
				t.Fatalf("parse(%q): %v, but it is JSON", s, err)
			}
			return
		}
		if !valid {
			t.Fatalf("parse(%q) = %s, but it is no JSON", s, v.compact())
		}
		for _, written := range []string{v.compact(), v.canonical()} {
			if diff := cmp.Diff(decode(t, s), decode(t, written)); diff != "" {
				t.Fatalf("parse(%q) (-json +ours):\n%s", s, diff)
			}
			again, err := parse(written)
			if err != nil || again.canonical() != v.canonical() {
				t.Fatalf("parse(%q) writes %s, which reads as %s, %v", s, written, again.canonical(), err)
			}
		}
	})
}

func decode(t *testing.T, s string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("encoding/json on %q: %v", s, err)
	}
	return v
}

// FuzzText reads any bytes as a file, whole and in two ranges, with a small row limit: no panic, and the same rows unless the file is
// unreadable.
func FuzzText(f *testing.F) {
	f.Add("x.jsonl", line("A")+"\r\n\n{\n"+line("B"), uint16(50))
	f.Add("x.json", " ["+line("A")+" , 1,"+line("[]")+"]", uint16(1))
	f.Add("x.json", `[{"a":[1}]`, uint16(0))
	f.Add("x.jsonl", gzipOf(line("A")), uint16(7))
	f.Add("x.jsonl", zstdOf(line("A")), uint16(7))
	f.Add("x.jsonl", "PAR1", uint16(7))
	f.Add("x.jsonl", "PAR1PAR1PAR1", uint16(7)) // a footer of 827 MB
	dir := f.TempDir()
	maxZstdWindow = 1 << 20 // a frame of ten bytes may ask for this much
	f.Fuzz(func(t *testing.T, name, text string, at uint16) {
		if name != "x.json" {
			name = "x.jsonl"
		}
		o := Options{MaxRowBytes: 60}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var whole result
		tol.AllocatesAtMost(t, 24<<20+2000*int64(len(text)), func() { whole = readFile(path, o) })
		first := readItem(schemas.WorkItem{Path: path, End: int64(at)}, o)
		second := readItem(schemas.WorkItem{Path: path, Begin: int64(at), End: -1}, o)
		if whole.Err != nil || first.Err != nil || second.Err != nil {
			return
		}
		parts := result{Pairs: append(first.Pairs, second.Pairs...), Bad: append(first.Bad, second.Bad...)}
		if diff := cmp.Diff(whole, parts); diff != "" {
			t.Fatalf("cut at %d (-whole +ranges):\n%s", at, diff)
		}
	})
}

// TestSharedText compares with TRL 1.16.0's rule written over characters, as its documentation and tests have it.
func TestSharedText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab  éè😀😁")), 1, 8, -1)
		chosen, rejected := text.Draw(t, "chosen"), text.Draw(t, "rejected")
		if rapid.Bool().Draw(t, "share") {
			rejected = chosen + rejected
		}
		c, r := []rune(chosen), []rune(rejected)
		n := min(len(c), len(r)) - 1 // the last place that is looked at
		for i := range n + 1 {
			if c[i] != r[i] {
				n = i
				if i > 0 && c[i-1] == ' ' {
					n--
				}
				break
			}
		}
		at := sharedText(chosen, rejected)
		if got, want := chosen[:at], string(c[:n]); got != want || !strings.HasPrefix(rejected, got) {
			t.Fatalf("prompt of %q and %q: got %q, want %q", chosen, rejected, got, want)
		}
	})
}
