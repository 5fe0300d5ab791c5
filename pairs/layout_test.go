package pairs

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/steelyard-ml/steelyard/schemas"
)

// A result is what reading gave.
type result struct {
	Pairs []schemas.Pair
	Bad   []schemas.Quarantined
	Err   error
}

// write puts a file into a new directory and returns its path.
func write(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// readItem reads one work item.
func readItem(item schemas.WorkItem, o Options) (r result) {
	r.Err = Read(context.Background(), item, o,
		func(p schemas.Pair) error { r.Pairs = append(r.Pairs, p); return nil },
		func(q schemas.Quarantined) error { r.Bad = append(r.Bad, q); return nil })
	return r
}

// readFile reads a whole file.
func readFile(path string, o Options) result {
	return readItem(schemas.WorkItem{Path: path, End: -1}, o)
}

// readRow reads a row given as JSON.
func readRow(t testing.TB, row string, o Options) result {
	t.Helper()
	r := readFile(write(t, "row.jsonl", row), o)
	if r.Err != nil {
		t.Fatalf("Read: %v", r.Err)
	}
	return r
}

// chatOf makes a chat pair out of three JSON arrays.
func chatOf(prompt, chosen, rejected string) schemas.Pair {
	return schemas.Pair{Kind: schemas.KindChat, Prompt: prompt, Chosen: chosen, Rejected: rejected}
}

func textOf(prompt, chosen, rejected string) schemas.Pair {
	return schemas.Pair{Kind: schemas.KindText, Prompt: prompt, Chosen: chosen, Rejected: rejected}
}

const (
	userHi  = `[{"role":"user","content":"Hi"}]`
	answerA = `[{"role":"assistant","content":"A"}]`
	answerB = `[{"role":"assistant","content":"B"}]`
)

func with(p schemas.Pair, change func(*schemas.Pair)) schemas.Pair {
	change(&p)
	return p
}

func TestLayouts(t *testing.T) {
	hi := chatOf(userHi, answerA, answerB)
	tests := []struct {
		name string
		row  string
		o    Options
		want schemas.Pair
	}{
		{name: "text explicit",
			row: `{"prompt":"The sky is","chosen":" blue.","rejected":" green."}`, want: textOf("The sky is", " blue.", " green.")},
		{name: "text with empty answer", // the end of sequence alone is an answer
			row: `{"prompt":"x","chosen":"","rejected":"b"}`, want: textOf("x", "", "b")},
		{name: "text implicit backs off one space",
			row: `{"chosen":"The sky is blue.","rejected":"The sky is green."}`, want: textOf("The sky is", " blue.", " green.")},
		{name: "text implicit without space",
			row: `{"chosen":"The sky is: blue","rejected":"The sky is: black"}`, want: textOf("The sky is: bl", "ue", "ack")},
		{name: "text implicit backs off only one of two spaces",
			row: `{"chosen":"a  b","rejected":"a  c"}`, want: textOf("a ", " b", " c")},
		{name: "text implicit cuts between characters", // é and è share their first byte
			row: `{"chosen":"caf\u00e9","rejected":"caf\u00e8"}`, want: textOf("caf", "é", "è")},
		{name: "text implicit, identical",
			row: `{"chosen":"so ü","rejected":"so ü"}`, want: textOf("so ", "ü", "ü")},
		{name: "text implicit, one begins the other",
			row: `{"chosen":"ab c","rejected":"ab cd"}`, want: textOf("ab ", "c", "cd")},
		{name: "columns mapped",
			row: `{"question":"q","yes":"a","no":"b","prompt":"other"}`, o: Options{Columns: map[string]string{"prompt": "question", "chosen": "yes", "rejected": "no"}},
			want: with(textOf("q", "a", "b"), func(p *schemas.Pair) { p.Meta = `{"prompt":"other"}` })},
		{name: "text with system kept as metadata",
			row: `{"prompt":"q","chosen":"a","rejected":"b","system":"S"}`, o: Options{Format: FormatText},
			want: with(textOf("q", "a", "b"), func(p *schemas.Pair) { p.Meta = `{"system":"S"}` })},

		{name: "chat explicit",
			row: `{"prompt":` + userHi + `,"chosen":` + answerA + `,"rejected":` + answerB + `}`, want: hi},
		{name: "chat implicit",
			row:  `{"chosen":[{"role":"user","content":"Hi"},{"role":"assistant","content":"A"}],"rejected":[{"content":"Hi","role":"user"},{"role":"assistant","content":"B"}]}`,
			want: hi},
		{name: "chat implicit, identical", // all but the last message
			row:  `{"chosen":[{"role":"user","content":"Hi"},{"role":"assistant","content":"A"}],"rejected":[{"role":"user","content":"Hi"},{"role":"assistant","content":"A"}]}`,
			want: chatOf(userHi, answerA, answerA)},
		{name: "chat implicit, one begins the other",
			row:  `{"chosen":[{"role":"user","content":"Hi"},{"role":"assistant","content":"A"}],"rejected":[{"role":"user","content":"Hi"},{"role":"assistant","content":"A"},{"role":"user","content":"more"}]}`,
			want: chatOf(userHi, answerA, `[{"role":"assistant","content":"A"},{"role":"user","content":"more"}]`)},
		{name: "chat with prompt null is implicit",
			row:  `{"prompt":null,"chosen":[{"role":"user","content":"Hi"},{"role":"assistant","content":"A"}],"rejected":[{"role":"user","content":"Hi"},{"role":"assistant","content":"B"}]}`,
			want: with(hi, func(p *schemas.Pair) { p.Meta = `{"prompt":null}` })},
		{name: "UltraFeedback binarized",
			row: `{"prompt":"Hi","prompt_id":"77","chosen":[{"content":"Hi","role":"user"},{"content":"A","role":"assistant"}],"rejected":[{"content":"Hi","role":"user"},{"content":"B","role":"assistant"}],"messages":[{"content":"Hi","role":"user"}],"score_chosen":7.50,"score_rejected":1e0}`,
			o:   Options{Meta: "score_chosen, score_rejected,absent"},
			want: with(chatOf(`[{"content":"Hi","role":"user"}]`, `[{"content":"A","role":"assistant"}]`, `[{"content":"B","role":"assistant"}]`),
				func(p *schemas.Pair) { p.Meta = `{"score_chosen":7.50,"score_rejected":1e0}` })},
		{name: "chat fields keep their order and numbers their text",
			row: `{"prompt":[{"role":"user", "name":"Z","content":"Hi","x":{"b":1.0,"a":[1e2]},"gone":null}],"chosen":` + answerA + `,"rejected":` + answerB + `}`,
			want: with(hi, func(p *schemas.Pair) {
				p.Prompt = `[{"role":"user","name":"Z","content":"Hi","x":{"b":1.0,"a":[1e2]}}]`
			})},
		{name: "chat content in parts of text",
			row:  `{"prompt":[{"role":"user","content":[{"type":"text","text":"Hi"}]}],"chosen":` + answerA + `,"rejected":` + answerB + `}`,
			want: with(hi, func(p *schemas.Pair) { p.Prompt = `[{"role":"user","content":[{"type":"text","text":"Hi"}]}]` })},
		{name: "chat with tool calls, tools and arguments native",
			row: `{"prompt":` + userHi + `,"chosen":[{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":{"z":1,"a":null}}}]}],"rejected":` + answerB +
				`,"tools":[{"type":"function","function":{"name":"f"}}],"chat_template_kwargs":{"enable_thinking":false}}`,
			want: with(chatOf(userHi, `[{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":{"z":1,"a":null}}}],"content":null}]`, answerB), func(p *schemas.Pair) {
				p.Tools, p.TemplateArgs = `[{"type":"function","function":{"name":"f"}}]`, `{"enable_thinking":false}`
			})},
		{name: "tools and arguments as JSON text, system as column",
			row: `{"system":"S","prompt":` + userHi + `,"chosen":` + answerA + `,"rejected":` + answerB + `,"tools":"[{\"b\": 1, \"a\": 2}]","chat_template_kwargs":"{ }"}`,
			want: with(hi, func(p *schemas.Pair) {
				p.Prompt, p.Tools = `[{"role":"system","content":"S"},{"role":"user","content":"Hi"}]`, `[{"b":1,"a":2}]`
			})},
		{name: "empty extras are none",
			row: `{"system":"","tools":" ","chat_template_kwargs":null,"images":[],"prompt":` + userHi + `,"chosen":` + answerA + `,"rejected":` + answerB + `}`, o: Options{Meta: MetaNone},
			want: hi},
		{name: "an empty list of tools, or of calls, is not none",
			row:  `{"prompt":` + userHi + `,"chosen":[{"role":"assistant","tool_calls":[],"content":"A"}],"rejected":` + answerB + `,"tools":[]}`,
			want: with(chatOf(userHi, `[{"role":"assistant","tool_calls":[],"content":"A"}]`, answerB), func(p *schemas.Pair) { p.Tools = "[]" })},
		{name: "the same system message twice is one",
			row:  `{"system":"S","prompt":[{"role":"system","content":"S"},{"role":"user","content":"Hi"}],"chosen":` + answerA + `,"rejected":` + answerB + `}`,
			want: chatOf(`[{"role":"system","content":"S"},{"role":"user","content":"Hi"}]`, answerA, answerB)},

		{name: "ShareGPT",
			row:  `{"conversations":[{"from":"system","value":"S"},{"from":"human","value":"Hi"}],"chosen":{"from":"gpt","value":"A"},"rejected":{"from":"gpt","value":"B"},"id":9007199254740993}`,
			want: with(chatOf(`[{"role":"system","content":"S"},{"role":"user","content":"Hi"}]`, answerA, answerB), func(p *schemas.Pair) { p.Meta = `{"id":9007199254740993}` })},
		{name: "ShareGPT with tools",
			row: `{"conversations":[{"from":"human","value":"Hi"},{"value":"{\"name\":\"f\",\"arguments\":{\"x\":1}}","from":"function_call","weight":0},{"from":"observation","value":"{}"}],"chosen":{"from":"gpt","value":"A"},"rejected":"B","tools":"[{\"name\":\"f\"}]"}`,
			want: with(chatOf(`[{"role":"user","content":"Hi"},{"content":null,"role":"assistant","weight":0,"tool_calls":[{"type":"function","function":{"name":"f","arguments":{"x":1}}}]},{"role":"tool","content":"{}"}]`,
				answerA, answerB), func(p *schemas.Pair) { p.Tools = `[{"name":"f"}]` })},
		{name: "ShareGPT in OpenAI's words, answers as lists",
			row: `{"messages":` + userHi + `,"chosen":{"role":"assistant","content":"A"},"rejected":` + answerB + `}`, want: hi},
		{name: "ShareGPT whole dialogues without conversations",
			row:  `{"chosen":[{"from":"human","value":"Hi"},{"from":"gpt","value":"A"}],"rejected":[{"from":"human","value":"Hi"},{"from":"gpt","value":"B"}]}`,
			want: hi},
		{name: "alpaca",
			row:  `{"instruction":"Translate","input":"Hallo","chosen":"A","rejected":"B","system":"S","history":[["q","a"]]}`,
			want: chatOf(`[{"role":"system","content":"S"},{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"user","content":"Translate\nHallo"}]`, answerA, answerB)},
		{name: "alpaca without input",
			row: `{"instruction":"Hi","input":"","chosen":"A","rejected":"B"}`, want: hi},
		{name: "plain text as messages",
			row: `{"prompt":"Hi","chosen":"A","rejected":"B","system":"S"}`, o: Options{Format: FormatAlpaca, Columns: map[string]string{"instruction": "prompt"}},
			want: with(hi, func(p *schemas.Pair) { p.Prompt = `[{"role":"system","content":"S"},{"role":"user","content":"Hi"}]` })},
		{name: "Orca as messages",
			row: `{"system":"S","question":"Hi","chosen":"A","rejected":"B"}`, o: Options{Columns: map[string]string{"instruction": "question"}},
			want: with(hi, func(p *schemas.Pair) { p.Prompt = `[{"role":"system","content":"S"},{"role":"user","content":"Hi"}]` })},
		{name: "a column is one of ours only",
			row: `{"input":"Hi","chosen":"A","rejected":"B"}`, o: Options{Columns: map[string]string{"instruction": "input"}}, want: hi},
		{name: "implicit text with its question beside it",
			row:  `{"question":"Hi","chosen":"Q: Hi A: x","rejected":"Q: Hi A: y"}`,
			want: with(textOf("Q: Hi A:", " x", " y"), func(p *schemas.Pair) { p.Meta = `{"question":"Hi"}` })},
		{name: "implicit text beside a question, asked for",
			row: `{"question":"Hi","chosen":"It x","rejected":"It y"}`, o: Options{Format: FormatText, Meta: MetaNone}, want: textOf("It", " x", " y")},
		{name: "a prompt that both lists repeat",
			row: `{"prompt":` + userHi + `,"chosen":[{"role":"user","content":"Hi","name":null},{"role":"assistant","content":"A"}],"rejected":[{"role":"user","content":"Hi"},{"role":"assistant","content":"B"}]}`, want: hi},
		{name: "a prompt that one list repeats",
			row:  `{"prompt":` + userHi + `,"chosen":[{"role":"user","content":"Hi"},{"role":"assistant","content":"A"}],"rejected":` + answerB + `}`,
			want: chatOf(userHi, `[{"role":"user","content":"Hi"},{"role":"assistant","content":"A"}]`, answerB)},
		{name: "HH with a prompt that both repeat",
			row: `{"prompt":"\n\nHuman: Hi\n\nAssistant:","chosen":"\n\nHuman: Hi\n\nAssistant: A","rejected":"\n\nHuman: Hi\n\nAssistant: B"}`, o: Options{Format: FormatHH}, want: hi},
		{name: "HH",
			row:  `{"chosen":"\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: a\n\nb\n\nAssistant: A","rejected":"\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: a\n\nb\n\nAssistant: B"}`,
			want: chatOf(`[{"role":"user","content":"Hi"},{"role":"assistant","content":"Yes?"},{"role":"user","content":"a\n\nb"}]`, answerA, answerB)},
		{name: "HH as plain text",
			row: `{"chosen":"\n\nHuman: Hi\n\nAssistant: A","rejected":"\n\nHuman: Hi\n\nAssistant: B"}`, o: Options{Format: FormatText},
			want: textOf("\n\nHuman: Hi\n\nAssistant:", " A", " B")},
		{name: "HH with prompt",
			row: `{"prompt":"\n\nHuman: Hi\n\nAssistant:","chosen":" A","rejected":" B"}`, o: Options{Format: FormatHH}, want: hi},
		{name: "tokens",
			row:  `{"prompt_ids":[1,2],"chosen_ids":[3],"rejected_ids":[2147483647],"n":1}`,
			want: schemas.Pair{Kind: schemas.KindTokens, PromptIDs: []int32{1, 2}, ChosenIDs: []int32{3}, RejectedIDs: []int32{2147483647}, Meta: `{"n":1}`}},
		{name: "text wins over tokens beside it",
			row: `{"prompt":"p","chosen":"a","rejected":"b","prompt_ids":[1],"chosen_ids":[2],"rejected_ids":[3]}`, o: Options{Meta: MetaNone}, want: textOf("p", "a", "b")},
		{name: "metadata is canonical",
			row: `{"z": {"b": 1.50, "a": [true, null, "\u00e9\u2028<\/\"\\\u0001"]}, "prompt":"p","chosen":"a","rejected":"b", "B":-0E+1}`,
			want: with(textOf("p", "a", "b"), func(p *schemas.Pair) {
				p.Meta = `{"B":-0E+1,"z":{"a":[true,null,"é` + "\u2028" + `</\"\\\u0001"],"b":1.50}}`
			})},
		{name: "a pair of surrogate escapes is one character",
			row: `{"prompt":"\ud83d\ude00","chosen":"a","rejected":"b"}`, want: textOf("😀", "a", "b")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := readRow(t, test.row, test.o)
			test.want.Raw = test.row
			if diff := cmp.Diff(result{Pairs: []schemas.Pair{test.want}}, got); diff != "" {
				t.Errorf("Read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	deep := strings.Repeat("[", 600) + strings.Repeat("]", 600)
	many := `{"a":{`
	for i := range 40 {
		many += `"k` + strings.Repeat("x", i) + `":1,`
	}
	many += `"kxxx":2},"prompt":"p","chosen":"a","rejected":"b"}`
	tests := []struct {
		name, row string
		o         Options
		code      schemas.Code
		reason    string // a part of it
	}{
		{"no JSON", `hello`, Options{}, schemas.CodeBadJSON, "byte 0"},
		{"cut", `{"prompt":"a`, Options{}, schemas.CodeBadJSON, "ends too early"},
		{"cut at a value", `{"prompt":`, Options{}, schemas.CodeBadJSON, "ends too early"},
		{"comma missing", `{"prompt":"a" "chosen":1}`, Options{}, schemas.CodeBadJSON, "byte 14 of the row: a comma"},
		{"comma too many", `{"a":1,}`, Options{}, schemas.CodeBadJSON, "key in double quotes"},
		{"single quotes", `{'a':1}`, Options{}, schemas.CodeBadJSON, "double quotes"},
		{"two values", `{"a":1} {"b":2}`, Options{}, schemas.CodeBadJSON, "after the end"},
		{"NaN", `{"a":NaN}`, Options{}, schemas.CodeBadJSON, "write null"},
		{"minus infinity", `{"a":-Infinity}`, Options{}, schemas.CodeBadJSON, "write null"},
		{"leading zero", `{"a":01}`, Options{}, schemas.CodeBadJSON, "comma or }"},
		{"number without digits", `{"a":1.}`, Options{}, schemas.CodeBadJSON, "digits after its point"},
		{"exponent without digits", `{"a":1e+}`, Options{}, schemas.CodeBadJSON, "exponent"},
		{"no such escape", `{"a":"\x"}`, Options{}, schemas.CodeBadJSON, "no such escape"},
		{"hex digits missing", `{"a":"\u12g4"}`, Options{}, schemas.CodeBadJSON, "hex digits"},
		{"control character", "{\"a\":\"\x01\"}", Options{}, schemas.CodeBadJSON, "control character"},
		{"NUL bytes", "\x00\x00\x00", Options{}, schemas.CodeBadJSON, "NUL"},
		{"key twice", `{"prompt":"a","prompt":"b","chosen":"c","rejected":"d"}`, Options{}, schemas.CodeBadJSON, `"prompt" stands twice`},
		{"key twice inside", `{"prompt":"a","chosen":"c","rejected":"d","m":{"x":1,"\u0078":2}}`, Options{}, schemas.CodeBadJSON, `"x" stands twice`},
		{"key twice among many", many, Options{}, schemas.CodeBadJSON, `"kxxx" stands twice`},
		{"too deep", `{"a":` + deep + `}`, Options{}, schemas.CodeBadJSON, "deeper"},
		{"no object", `"prompt"`, Options{}, schemas.CodeBadJSON, "text, not an object"},
		{"bad UTF-8", "{\"a\":\"\xff\"}", Options{}, schemas.CodeBadUTF8, "byte 6 (0xff)"},
		{"cut UTF-8", "{\"a\":\"\xe2\x82\"}", Options{}, schemas.CodeBadUTF8, "byte 6 (0xe2)"},
		{"bad UTF-8 after a real U+FFFD", "{\"\uFFFD\":\"\xff\"}", Options{}, schemas.CodeBadUTF8, "byte 8"},
		{"lone high surrogate", `{"a":"\ud83d"}`, Options{}, schemas.CodeBadUTF8, `\ud83d`},
		{"lone low surrogate", `{"a":"\udE00x"}`, Options{}, schemas.CodeBadUTF8, `\ude00`},
		{"two high surrogates", `{"a":"\ud83d\ud83d"}`, Options{}, schemas.CodeBadUTF8, `\ud83d`},

		{"other columns", `{"text":"a","n":1}`, Options{}, schemas.CodeUnknownLayout, "the columns text, n"},
		{"no columns", `{}`, Options{}, schemas.CodeUnknownLayout, "no columns"},
		{"no rejected", `{"prompt":"a","chosen":"b"}`, Options{}, schemas.CodeMissingField, "rejected is not there"},
		{"chosen null", `{"prompt":"a","chosen":null,"rejected":"b"}`, Options{}, schemas.CodeMissingField, "chosen is null"},
		{"prompt null beside text", `{"prompt":null,"chosen":"a","rejected":"b"}`, Options{}, schemas.CodeMissingField, "prompt is null"},
		{"mapped prompt missing", `{"chosen":"a x","rejected":"a y"}`, Options{Columns: map[string]string{"prompt": "question"}}, schemas.CodeMissingField, "question (our prompt) is not there"},
		{"mapped chosen missing", `{"prompt":"p","chosen":"a","rejected":"b"}`, Options{Columns: map[string]string{"chosen": "yes"}}, schemas.CodeMissingField, "yes (our chosen)"},
		{"asked for tokens", `{"prompt":"p","chosen":"a","rejected":"b"}`, Options{Format: FormatTokens}, schemas.CodeMissingField, "prompt_ids"},
		{"asked for alpaca", `{"prompt":"p","chosen":"a","rejected":"b"}`, Options{Format: FormatAlpaca}, schemas.CodeMissingField, "instruction"},
		{"text and list", `{"prompt":"p","chosen":"a","rejected":[]}`, Options{}, schemas.CodeBadField, "chosen is text where a list"},
		{"text and list, implicit", `{"chosen":"a","rejected":[]}`, Options{}, schemas.CodeBadField, "chosen is text and rejected is a list"},
		{"numbers", `{"prompt":1,"chosen":"a","rejected":"b"}`, Options{}, schemas.CodeBadField, "prompt is a number"},
		{"list of text", `{"prompt":["a"],"chosen":` + answerA + `,"rejected":` + answerB + `}`, Options{}, schemas.CodeBadField, "prompt holds text where a message"},
		{"no role", `{"prompt":[{"content":"x"}],"chosen":` + answerA + `,"rejected":` + answerB + `}`, Options{}, schemas.CodeBadField, "has no role"},
		{"no content", `{"prompt":[{"role":"user"}],"chosen":` + answerA + `,"rejected":` + answerB + `}`, Options{}, schemas.CodeBadField, "content of a user message of the column prompt is null"},
		{"unknown speaker", `{"conversations":[{"from":"alien","value":"x"}],"chosen":{"from":"gpt","value":"a"},"rejected":{"from":"gpt","value":"b"}}`, Options{}, schemas.CodeBadField, `from "alien"`},
		{"bad function call", `{"conversations":[{"from":"function_call","value":"f(x)"}],"chosen":{"from":"gpt","value":"a"},"rejected":{"from":"gpt","value":"b"}}`, Options{}, schemas.CodeBadField, "function call"},
		{"bad history", `{"instruction":"i","history":[["a"]],"chosen":"a","rejected":"b"}`, Options{}, schemas.CodeBadField, `the turn ["a"]`},
		{"bad tools", `{"tools":"{}x","prompt":` + userHi + `,"chosen":` + answerA + `,"rejected":` + answerB + `}`, Options{}, schemas.CodeBadField, "tools is text that holds no JSON"},
		{"tools an object", `{"tools":{"a":1},"prompt":` + userHi + `,"chosen":` + answerA + `,"rejected":` + answerB + `}`, Options{}, schemas.CodeBadField, "tools is an object"},
		{"arguments a list", `{"chat_template_kwargs":"[1]","prompt":` + userHi + `,"chosen":` + answerA + `,"rejected":` + answerB + `}`, Options{}, schemas.CodeBadField, "chat_template_kwargs is a list"},
		{"two system messages", `{"system":"S","prompt":[{"role":"system","content":"T"}],"chosen":` + answerA + `,"rejected":` + answerB + `}`, Options{}, schemas.CodeBadField, "two different system"},
		{"system beside text", `{"system":"S","prompt":"p","chosen":"a","rejected":"b"}`, Options{}, schemas.CodeBadField, "--format=alpaca"},
		{"no dialogue", `{"chosen":"Human: a","rejected":"b"}`, Options{Format: FormatHH}, schemas.CodeBadField, "no dialogue"},
		{"half an id", `{"prompt_ids":[1.5],"chosen_ids":[3],"rejected_ids":[4]}`, Options{}, schemas.CodeBadField, "element 0 of the column prompt_ids is 1.5"},
		{"negative id", `{"prompt_ids":[1],"chosen_ids":[3,-1],"rejected_ids":[4]}`, Options{}, schemas.CodeBadField, "element 1"},
		{"id beyond int32", `{"prompt_ids":[2147483648],"chosen_ids":[3],"rejected_ids":[4]}`, Options{}, schemas.CodeBadField, "2147483648"},
		{"id as text", `{"prompt_ids":["1"],"chosen_ids":[3],"rejected_ids":[4]}`, Options{}, schemas.CodeBadField, `"1"`},
		{"no prompt id", `{"prompt_ids":[],"chosen_ids":[3],"rejected_ids":[4]}`, Options{}, schemas.CodeEmptyPrompt, "no token"},
		{"no chosen id", `{"prompt_ids":[1],"chosen_ids":[],"rejected_ids":[4]}`, Options{}, schemas.CodeEmptyCompletion, "no token"},
		{"no prompt message", `{"prompt":[],"chosen":` + answerA + `,"rejected":` + answerB + `}`, Options{}, schemas.CodeEmptyPrompt, "no message"},
		{"no answer message", `{"prompt":` + userHi + `,"chosen":[],"rejected":` + answerB + `}`, Options{}, schemas.CodeEmptyCompletion, "no message"},
		{"no common message", `{"chosen":` + answerA + `,"rejected":` + answerB + `}`, Options{}, schemas.CodeEmptyPrompt, "no message in common"},
		{"implicit and empty", `{"chosen":"","rejected":"b"}`, Options{}, schemas.CodeEmptyCompletion, "no prompt to extract"},
		{"images", `{"images":["a.png"],"prompt":"p","chosen":"a","rejected":"b"}`, Options{}, schemas.CodeUnsupportedField, "images"},
		{"image", `{"image":{"path":"a.png"},"prompt":"p","chosen":"a","rejected":"b"}`, Options{Meta: MetaNone}, schemas.CodeUnsupportedField, "image"},
		{"image in content", `{"prompt":[{"role":"user","content":[{"type":"image"}]}],"chosen":` + answerA + `,"rejected":` + answerB + `}`, Options{}, schemas.CodeUnsupportedField, `{"type":"image"}`},
		{"KTO in LLaMA-Factory's words", `{"messages":` + userHi + `,"kto_tag":true}`, Options{}, schemas.CodeUnsupportedField, "kto_tag is KTO's"},
		{"KTO of messages", `{"messages":` + userHi + `,"label":true}`, Options{}, schemas.CodeUnsupportedField, "label is KTO's"},
		{"videos", `{"videos":["a.mp4"],"prompt":"p","chosen":"a","rejected":"b"}`, Options{}, schemas.CodeUnsupportedField, "videos"},
		{"a question for the prompt", `{"system":"","question":"Why?","chosen":"It is so","rejected":"It is not"}`, Options{}, schemas.CodeMissingField, "--columns instruction=question"},
		{"an input for the prompt", `{"input":"Why?","chosen":"So","rejected":"No"}`, Options{}, schemas.CodeMissingField, "--columns prompt=input"},
		{"nothing in common", `{"chosen":"Four","rejected":"Six"}`, Options{}, schemas.CodeEmptyPrompt, "no character in common"},
		{"a text prompt that no list has", `{"prompt":"p","chosen":[{"role":"system","content":"S"},{"role":"assistant","content":"A"}],"rejected":[{"role":"system","content":"S"},{"role":"assistant","content":"B"}]}`, Options{}, schemas.CodeBadField, "would be left out"},
		{"an HH prompt twice", `{"prompt":"\n\nHuman: Hi\n\nAssistant:","chosen":"\n\nHuman: Hi\n\nAssistant: A","rejected":"\n\nHuman: Hi\n\nAssistant: B"}`, Options{}, schemas.CodeBadField, "--format=hh"},
		{"KTO", `{"prompt":"p","completion":"c","label":true}`, Options{}, schemas.CodeUnsupportedField, "KTO"},
		{"too large", `{"prompt":"` + strings.Repeat("x", 100) + `"}`, Options{MaxRowBytes: 100}, schemas.CodeRowTooLarge, "113 bytes, more than the 100"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := readRow(t, "\n"+test.row+"\n", test.o)
			if len(got.Bad) != 1 || len(got.Pairs) != 0 {
				t.Fatalf("got %d pairs and %d refused rows, want 0 and 1: %+v", len(got.Pairs), len(got.Bad), got)
			}
			q := got.Bad[0]
			raw := strings.ToValidUTF8(test.row, "\uFFFD")
			if q.Code == schemas.CodeRowTooLarge {
				raw = raw[:test.o.MaxRowBytes]
			}
			if q.Code != test.code || !strings.Contains(q.Reason, test.reason) {
				t.Errorf("got %s: %s\nwant %s: …%s…", q.Code, q.Reason, test.code, test.reason)
			}
			if q.Raw != raw || q.Source.Pos != 1 || filepath.Base(q.Path) != "row.jsonl" {
				t.Errorf("got row %q at %d of %s, want %q at 1 of row.jsonl", q.Raw, q.Source.Pos, q.Path, raw)
			}
		})
	}
}

func TestOptionsValidate(t *testing.T) {
	err := Options{Format: "csv", MaxRowBytes: -1, Limit: -1, Columns: map[string]string{"promt": "x", "chosen": ""}}.Validate()
	for _, want := range []string{`format: "csv"`, "max_row_bytes: -1", "limit: -1", `"promt" is no column`, `"chosen" is mapped to nothing`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate: got %v, want it to say %s", err, want)
		}
	}
	err = Options{Columns: map[string]string{"prompt": "q", "instruction": "q"}}.Validate()
	if err == nil || !strings.Contains(err.Error(), `"q" is mapped to both instruction and prompt`) {
		t.Errorf("Validate: got %v, want it to say that q is mapped twice", err)
	}
	if err := (Options{}).Validate(); err != nil {
		t.Errorf("Validate of the zero value: %v", err)
	}
}
