package chat_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/steelyard-ml/steelyard/internal/tol"
	"github.com/steelyard-ml/steelyard/model/chat"
)

const hello = `[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello 3.0 \u00e9"}]`

func parseFile(t *testing.T, path string) *chat.Template {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(tol.Root(t), "testdata", path))
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := chat.Parse(string(source))
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

func TestVendoredTemplates(t *testing.T) {
	const said = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello 3.0 é<|im_end|>\n"
	const system = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
	for path, begin := range map[string]string{
		"demo/model/chat_template.jinja":      "",
		"goldens/smollm2/chat_template.jinja": system,
	} {
		tmpl := parseFile(t, path)
		for prompt, end := range map[bool]string{false: "", true: "<|im_start|>assistant\n"} {
			got, err := tmpl.Render(chat.Input{Messages: hello, AddGenerationPrompt: prompt})
			if want := begin + said + end; err != nil || got != want {
				t.Errorf("%s, prompt %v: got %q, %v; want %q", path, prompt, got, err, want)
			}
		}
	}
}

func TestVariables(t *testing.T) {
	now := time.Date(2024, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
	const some = "{{ [messages|length, tools, documents, add_generation_prompt, bos_token, x] }}"
	for _, c := range []struct {
		name, template string
		in             chat.Input
		want           string
	}{
		{"none given", some, chat.Input{Messages: `[{}]`}, "[1, None, None, False, Undefined, Undefined]"},
		{"all given", some, chat.Input{
			Messages: `[{}]`, Tools: `[]`, Args: `{"x": 1e3, "documents": [{"a": 3.0}]}`, AddGenerationPrompt: true, Special: map[string]string{"bos_token": "<s>"},
		}, "[1, [], [{'a': 3.0}], True, '<s>', 1000.0]"},
		{"arguments hide special tokens", some, chat.Input{
			Messages: `[{}]`, Args: `{"bos_token": 12345678901234567890}`, Special: map[string]string{"bos_token": "<s>"},
		}, "[1, None, None, False, 12345678901234567890, Undefined]"},
		{"arguments hide globals", "{{ range }}", chat.Input{Messages: `[{}]`, Args: `{"range": "r"}`}, "r"},
		{"order of keys, and the last of equal ones", "{{ messages }}", chat.Input{Messages: `[{"b": 1, "a": -0.0, "b": 1.50}]`}, "[{'b': 1.5, 'a': -0.0}]"},
		{"escapes in JSON", "{{ messages[0].x }}", chat.Input{Messages: `[{"x": "\ud83d\ude00\u00e9\n\/\"\\"}]`}, "😀é\n/\"\\"},
		{"null fields are left out, but not inside", "{{ messages }}", chat.Input{Messages: `[{"role": "user", "content": null, "x": [null, {"y": null}]}]`},
			"[{'role': 'user', 'x': [None, {'y': None}]}]"},
		{"reasoning under its three names", "{{ messages }}", chat.Input{Messages: `[{"role": "a", "reasoning": "r"}, {"reasoning_content": "", "thinking": "t"}, {"thinking": 1, "role": "a"}]`},
			"[{'thinking': 'r', 'role': 'a', 'reasoning': 'r', 'reasoning_content': 'r'}, {'thinking': 't', 'reasoning_content': ''}, {'thinking': 1, 'role': 'a', 'reasoning_content': 1}]"},
		{"no tools and an empty list of them", "{{ tools is none }}", chat.Input{Messages: `[{}]`, Tools: "[]"}, "False"},
		{"documents may be null", "{{ documents is none }}", chat.Input{Messages: `[{}]`, Args: `{"documents": null}`}, "True"},
		{"a namespace in itself", "{% set ns = namespace() %}{% set ns.ns = ns %}{{ ns }}", chat.Input{Messages: `[{}]`}, "<Namespace {'ns': <Namespace {...}>}>"},
		{"and in a list in it", "{% set ns = namespace() %}{% set ns.v = [(ns,)] %}{{ ns.v }}{{ ns }}", chat.Input{Messages: `[{}]`}, "[(<Namespace {'v': [...]}>,)]<Namespace {'v': [(<Namespace {...}>,)]}>"},
		{"the date in its own zone", "{{ strftime_now('%d %b %Y %H') }}", chat.Input{Messages: `[{}]`, Now: now}, "03 Feb 2024 04"},
	} {
		got, err := render(c.template, c.in)
		if err != nil || got != c.want {
			t.Errorf("%s: got %q, %v; want %q", c.name, got, err, c.want)
		}
	}
}

func TestInputErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		in   chat.Input
		want string
	}{
		{"no messages", chat.Input{}, "the messages: JSON, byte 0: expected a value"},
		{"messages not a list", chat.Input{Messages: "{}"}, "the messages are no JSON array but dict"},
		{"no message", chat.Input{Messages: "[]"}, "the conversation has no message"},
		{"a message that is none", chat.Input{Messages: `[{}, "Hi"]`}, "of the messages number 2 is no JSON object but str"},
		{"a tool that is none", chat.Input{Messages: "[{}]", Tools: `["f"]`}, "of the tools number 1 is no JSON object but str"},
		{"documents not a list", chat.Input{Messages: "[{}]", Args: `{"documents": "d"}`}, "the documents are no JSON array but str"},
		{"a document that is none", chat.Input{Messages: "[{}]", Args: `{"documents": ["d"]}`}, "of the documents number 1"},
		{"an argument of another function", chat.Input{Messages: "[{}]", Args: `{"sanitize_control_tokens": true}`}, `"sanitize_control_tokens" is no argument`},
		{"tools not a list", chat.Input{Messages: `[{}]`, Tools: "5"}, "the tools are no JSON array but int"},
		{"arguments not an object", chat.Input{Messages: `[{}]`, Args: "[]"}, "the arguments are no JSON object but list"},
		{"an argument with a field of its own", chat.Input{Messages: `[{}]`, Args: `{"tools": []}`}, `"tools" is no argument`},
		{"a comma too many", chat.Input{Messages: "[1,]"}, "byte 3"},
		{"text after", chat.Input{Messages: "[] []"}, "extra data"},
		{"leading zero", chat.Input{Messages: "[01]"}, "byte 1"},
		{"half a number", chat.Input{Messages: "[1.]"}, "expected a digit"},
		{"not a number", chat.Input{Messages: "[NaN]"}, "expected a value"},
		{"open string", chat.Input{Messages: `["a`}, "does not end"},
		{"newline in a string", chat.Input{Messages: "[\"a\n\"]"}, "control character"},
		{"unknown escape", chat.Input{Messages: `["\x41"]`}, "unknown escape"},
		{"lone surrogate", chat.Input{Messages: `["\ud83d x"]`}, "surrogate"},
		{"two high surrogates", chat.Input{Messages: `["\ud83d\ud83d"]`}, "surrogate"},
		{"no UTF-8", chat.Input{Messages: "[\"\xff\"]"}, "UTF-8"},
		{"too deep", chat.Input{Messages: strings.Repeat("[", 1_000_000)}, "too deeply"},
		{"too many digits", chat.Input{Messages: "[" + strings.Repeat("9", 5000) + "]"}, "4300 digits"},
	} {
		got, err := render("{{ messages }}", c.in)
		if !errors.Is(err, chat.ErrInput) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %q, %v; want an ErrInput with %q", c.name, got, err, c.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		template string
		want     chat.Error
	}{
		{"a\n{{ x | frobnicate }}", chat.Error{Line: 2, Kind: "TemplateSyntaxError", Message: "No filter named 'frobnicate'."}},
		{"a\n\n{{ x is frobbed }}", chat.Error{Line: 3, Kind: "TemplateSyntaxError", Message: "No test named 'frobbed'."}},
		{"{% include 'x' %}", chat.Error{Line: 1, Kind: "TemplateSyntaxError", Message: "tag 'include' is not supported: a chat template stands alone"}},
		{"\n{{ raise_exception('no ' ~ 5) }}", chat.Error{Line: 2, Kind: "TemplateError", Message: "no 5"}},
		{"{{ strftime_now('%Y') }}", chat.Error{Line: 1, Kind: "ValueError", Message: "the template asks for the date, and none was given to it"}},
	} {
		_, err := render(c.template, chat.Input{Messages: `[{}]`})
		var got *chat.Error
		if !errors.As(err, &got) || *got != c.want {
			t.Errorf("%q: got %v; want %v", c.template, err, &c.want)
		}
	}
}

// TestLimits renders what would take all the time or memory there is.
func TestLimits(t *testing.T) {
	grow := func(body string) string {
		return "{% set ns = namespace(x='aaaaaaaa', l=[1]) %}{% for i in range(100) %}" + body + "{% endfor %}"
	}
	nested := func(open, close string, n int) string {
		return strings.Repeat(open, n) + "1" + strings.Repeat(close, n)
	}
	loops := strings.Repeat("{% for i in range(100000) %}", 5) + strings.Repeat("{% endfor %}", 5)
	for _, c := range []struct{ name, template, kind string }{
		{"loops", loops, "ResourceError"},
		{"doubled text", grow("{% set ns.x = ns.x + ns.x %}"), "ResourceError"},
		{"joined text", grow("{% set ns.x = ns.x ~ ns.x %}"), "ResourceError"},
		{"doubled list", grow("{% set ns.l = ns.l + ns.l %}"), "ResourceError"},
		{"list of itself, printed", grow("{% set ns.l = [ns.l, ns.l] %}") + "{{ ns.l }}", "ResourceError"},
		{"list of itself, as JSON", "{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l|tojson }}", "ResourceError"},
		{"lists of themselves, compared", "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(60) %}{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}", "ResourceError"},
		{"deep list", "{% set ns = namespace(l=[1]) %}{% for i in range(1000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}", "RecursionError"},
		{"macro without end", "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError"},
		{"loop without end", "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "RecursionError"},
		{"repeated text", "{{ 'a' * 10 ** 18 }}", "ResourceError"},
		{"repeated list", "{{ [1] * 10 ** 15 }}", "ResourceError"},
		{"replaced text", "{{ ('a' * 100000)|replace('a', 'a' * 100000) }}", "ResourceError"},
		{"padded text", "{{ 'a'.center(10 ** 12) }}", "ResourceError"},
		{"format width", "{{ '%999999999d' % 1 }}", "ResourceError"},
		{"format precision", "{{ '{:.999999999f}'.format(1.0) }}", "ResourceError"},
		{"indent", "{{ ('\n' * 100000)|indent('a' * 100000, blank=true) }}", "ResourceError"},
		{"power", "{{ 10 ** (10 ** 10) }}", "OverflowError"},
		{"power of powers", grow("{% set ns.x = (ns.x if loop.index > 1 else 3) ** 3 %}"), "OverflowError"},
		{"long number", "{{ 10 ** 10000 }}", "ValueError"},
		{"range", "{{ range(10 ** 9) }}", "OverflowError"},
		{"batch", "{{ [1]|batch(10 ** 12, 'x')|list }}", "ResourceError"},
		{"parentheses", "{{ " + nested("(", ")", 100_000) + " }}", "TemplateSyntaxError"},
		{"lists", "{{ " + nested("[", "]", 100_000) + " }}", "TemplateSyntaxError"},
		{"signs", "{{ " + strings.Repeat("-", 100_000) + "1 }}", "TemplateSyntaxError"},
		{"negations", "{{ " + strings.Repeat("not ", 100_000) + "1 }}", "TemplateSyntaxError"},
		{"sums", "{{ 1" + strings.Repeat("+1", 100_000) + " }}", "TemplateSyntaxError"},
		{"attributes", "{{ x" + strings.Repeat(".x", 100_000) + " }}", "TemplateSyntaxError"},
		{"filters", "{{ x" + strings.Repeat("|e", 100_000) + " }}", "TemplateSyntaxError"},
		{"conditions", "{{ " + strings.Repeat("1 if x else ", 50_000) + "1 }}", "TemplateSyntaxError"},
		{"blocks", strings.Repeat("{% if x %}", 50_000), "TemplateSyntaxError"},
		{"size", strings.Repeat(" ", 2<<20), "TemplateSyntaxError"},
	} {
		text := ""
		tmpl, err := chat.Parse(c.template)
		if err == nil {
			tmpl.Tighten(300_000, 8<<20)
			text, err = tmpl.Render(chat.Input{Messages: `[{}]`})
		}
		var got *chat.Error
		if !errors.As(err, &got) || got.Kind != c.kind {
			t.Errorf("%s: got %.40q, %v; want %s", c.name, text, err, c.kind)
		}
	}
}

// TestWithinLimits: a row as large as rows may be is rendered.
func TestWithinLimits(t *testing.T) {
	long := strings.Repeat("0123456789abcde\n", 1<<20) // 16 MiB
	in := chat.Input{Messages: fmt.Sprintf(`[{"role": "user", "content": %q}]`, long)}
	got, err := parseFile(t, "goldens/smollm2/chat_template.jinja").Render(in)
	if err != nil || !strings.Contains(got, long) {
		t.Errorf("a message of 16 MiB: %d bytes, %v", len(got), err)
	}
}

func TestConcurrent(t *testing.T) {
	tmpl, err := chat.Parse("{% macro m(x) %}{% set n = x * 2 %}{{ n }}{% endmacro %}{% for m2 in messages %}{{ loop.index }}{{ m(m2.n) }};{% endfor %}{{ cycler('a')|string|length if no }}")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				got, err := tmpl.Render(chat.Input{Messages: fmt.Sprintf(`[{"n": %d}, {"n": %d}]`, i, i+1)})
				if want := fmt.Sprintf("1%d;2%d;", 2*i, 2*i+2); err != nil || got != want {
					t.Errorf("got %q, %v; want %q", got, err, want)
				}
			}
		})
	}
	wg.Wait()
}

// FuzzRender: no template and no input makes the engine panic or allocate beyond what the template's size and the limits allow, and
// every error is one that its caller can tell apart.
func FuzzRender(f *testing.F) {
	for _, c := range loadCases(f).Cases {
		f.Add(c.Template, hello)
	}
	f.Fuzz(func(t *testing.T, template, messages string) {
		tell := func(err error) {
			var e *chat.Error
			if err != nil && !errors.As(err, &e) && !errors.Is(err, chat.ErrInput) {
				t.Errorf("%q: %v", template, err)
			}
		}
		var tmpl *chat.Template
		tol.AllocatesAtMost(t, 1<<20+2000*int64(len(template)), func() {
			var err error
			tmpl, err = chat.Parse(template)
			tell(err)
		})
		if tmpl == nil {
			return
		}
		tmpl.Tighten(20_000, 1<<20)
		tol.AllocatesAtMost(t, 16<<20+500*int64(len(messages)), func() {
			_, err := tmpl.Render(chat.Input{Messages: messages, Args: `{"l": [3, 1], "s": "a b", "d": {"a": 1}, "i": 7, "t": true}`, AddGenerationPrompt: true})
			tell(err)
		})
	})
}

func BenchmarkRender(b *testing.B) {
	source, err := os.ReadFile(filepath.Join(tol.Root(b), "testdata", "goldens", "smollm2", "chat_template.jinja"))
	if err != nil {
		b.Fatal(err)
	}
	tmpl, err := chat.Parse(string(source))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tmpl.Render(chat.Input{Messages: hello}); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleTemplate_Render() {
	tmpl, err := chat.Parse("{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}\n{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}")
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := tmpl.Render(chat.Input{Messages: `[{"role": "user", "content": " Hi! "}]`, AddGenerationPrompt: true})
	fmt.Println(text, err)
	// Output:
	// <user>Hi!
	// <assistant> <nil>
}
