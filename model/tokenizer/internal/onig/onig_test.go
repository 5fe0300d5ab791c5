package onig

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCompileRefuses(t *testing.T) {
	for expression, want := range map[string]string{
		`a**`: "a quantifier after a quantifier", `a{1,2}?`: "a quantifier after {…}", `(?<=a)b`: "group (?<=a", `(?s).`: "group (?s)", `\p{Han}`: "general category",
		`[a&&b]`: "&& in a class", `[[:alpha:]]`: "[ in a class", `a*`: "may match nothing", `(a+)+b`: "more than one length", `(?:|a){2}b`: "may match nothing",
		`\G`: `escape \G`, `(a)\1`: `escape \1`, `(?i:ss)`: "ss, ff, fi, fl, st", `(?i:é)`: "without regard to case", `(?i:[a-z])`: "range without regard",
		`(?i:\p{L})`: "without regard", `(?i:(?:s)s)`: "ss, ff", `a)`: "without its group", `(a`: "without its end", `[a`: "without its end", `a{2000}`: "n ≤ m ≤ 1000",
		`(?:abcdefghij){1000}{2}`: "quantifier after", strings.Repeat("(", 200): "groups in one another", `\A`: `escape \A`, `[z-a]`: "range z-a", `a{,2}`: "not the form",
		`(?:(?:(?:abcdefghij){100}){100}){100}`: "steps",
	} {
		if _, err := Compile(expression); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: error %v, want one with %q", expression, err, want)
		}
	}
}

// TestLongTexts checks that a run is no list of places to come back to.
func TestLongTexts(t *testing.T) {
	find, err := Compile(`\s*[\r\n]+|\s+(?!\S)|\s+|.+?é|x`)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat(" ", 1<<20) + "x"
	if start, end := find(text, 0); start != 0 || end != 1<<20-1 {
		t.Errorf("found %d to %d", start, end)
	}
}

// TestPatience checks that what would take the tenth power of the text's length does not.
func TestPatience(t *testing.T) {
	find, err := Compile(`a*a*a*a*a*a*a*a*a*a*b|(?=a*a*a*a*a*a*b)a|c`)
	if err != nil {
		t.Fatal(err)
	}
	if start, end := find(strings.Repeat("a", 100)+"c", 0); start != 100 || end != 101 {
		t.Errorf("found %d to %d", start, end)
	}
}

// FuzzCompile checks that no expression and no text makes the matcher panic or match nothing.
func FuzzCompile(f *testing.F) {
	f.Add(`(?i:'s)|[^\r\n\p{L}]?+\p{L}++| ?[^\s\w-]+?(?!a\b)$`, "it's\n")
	f.Add(`(?>a|ab){2}c|\x41\u00e9[a-z\-]`, "ababc")
	f.Add(`[\`, "a")
	f.Fuzz(func(t *testing.T, expression, text string) {
		find, err := Compile(expression)
		if err != nil || !utf8.ValidString(text) || len(text) > 100 {
			return
		}
		for at := 0; at < len(text); {
			start, end := find(text, at)
			if start < at || end > len(text) || end == start && start < len(text) || end == at {
				t.Fatalf("%q in %q from %d: %d to %d", expression, text, at, start, end)
			}
			at = end
		}
	})
}
