package chat_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
)

// A conversation is what a template is given beside its tokenizer's tokens.
type conversation struct{ Messages, Tools, Args json.RawMessage }

// A talker makes conversations at random: mostly well-formed ones, now and then one that a template may refuse.
type talker struct{ r *rand.Rand }

func (k talker) chance(n int) bool { return k.r.IntN(n) == 0 }

func pick[T any](k talker, of ...T) T { return of[k.r.IntN(len(of))] }

func (k talker) text() string {
	var b strings.Builder
	for range k.r.IntN(6) {
		b.WriteString(pick(k, "Hi", " there", "\n", "\n\n", "  ", "<think>", "</think>", "<think>\nhm\n</think>\n\n", "</s>", "<s>", "[INST]", "[/INST]", "<|im_end|>", "<|channel|>", "<tool_call>", "é😀你",
			"\"", "'", "\\", "{{", "%}", "\t", "\u00a0", "\u2028", "\x00", "a.b", "1", "<<SYS>>", "<start_of_turn>", "```json\n{}\n```", "&<>"))
	}
	return b.String()
}

// value is something that a tool may be called with.
func (k talker) value(depth int) any {
	if depth == 0 || k.chance(2) {
		return pick[any](k, k.text(), k.r.IntN(1000)-500, k.r.NormFloat64()*1e3, 1e21, 3.0, 1e-7, true, false, nil, json.Number("1234567890123456789012"), json.Number("1.50"), json.Number("-0.0"))
	}
	if k.chance(2) {
		list := make([]any, k.r.IntN(3))
		for i := range list {
			list[i] = k.value(depth - 1)
		}
		return list
	}
	object := map[string]any{}
	for range k.r.IntN(4) {
		object[pick(k, "city", "é", "a b", "\"", "x", "type")] = k.value(depth - 1)
	}
	return object
}

func (k talker) tool() any {
	properties := map[string]any{}
	for range k.r.IntN(3) {
		p := map[string]any{"type": pick[any](k, "string", "integer", "number", "boolean", "array", "object", []string{"string", "null"})}
		for range k.r.IntN(3) {
			switch k.r.IntN(5) {
			case 0:
				p["description"] = k.text()
			case 1:
				p["enum"] = []any{k.value(0), k.value(0)}
			case 2:
				p["items"] = map[string]any{"type": "string"}
			case 3:
				p["default"] = k.value(1)
			case 4:
				p["properties"] = map[string]any{"in": map[string]any{"type": "string", "description": "d"}}
			}
		}
		properties[pick(k, "city", "unit", "é")] = p
	}
	function := map[string]any{"name": pick(k, "f", "get_weather"), "description": k.text(), "parameters": map[string]any{"type": "object", "properties": properties, "required": []string{"city"}}}
	if k.chance(8) {
		return function
	}
	return map[string]any{"type": "function", "function": function}
}

func (k talker) message(role string) map[string]any {
	m := map[string]any{"role": role, "content": k.text()}
	if k.chance(6) {
		parts := make([]any, k.r.IntN(3))
		for i := range parts {
			parts[i] = map[string]any{"type": "text", "text": k.text()}
		}
		m["content"] = parts
	}
	switch {
	case role == "assistant" && k.chance(3):
		m[pick(k, "reasoning_content", "thinking", "reasoning")] = k.text()
	case role == "tool" && k.chance(2):
		m["name"] = "f"
		m["tool_call_id"] = pick(k, "123456789", "call_1")
	case k.chance(12):
		m["content"] = pick[any](k, nil, 5, map[string]any{"k": 1})
	}
	return m
}

func (k talker) converse(t *testing.T) conversation {
	var messages []any
	say := func(role string) { messages = append(messages, k.message(role)) }
	if k.chance(2) {
		say(pick(k, "system", "system", "developer"))
	}
	var tools any
	if k.chance(2) {
		list := make([]any, k.r.IntN(3))
		for i := range list {
			list[i] = k.tool()
		}
		tools = list
	}
	for range 1 + k.r.IntN(3) {
		say("user")
		if k.chance(3) {
			m := k.message("assistant")
			calls := make([]any, k.r.IntN(3))
			for i := range calls {
				function := map[string]any{"name": "f", "arguments": k.value(3)}
				if k.chance(4) {
					function["arguments"] = `{"x": 1}`
				}
				calls[i] = map[string]any{"type": "function", "id": pick(k, "123456789", "call_1"), "function": function}
			}
			m["tool_calls"] = calls
			messages = append(messages, m)
			for range calls {
				say("tool")
			}
		}
		if !k.chance(5) {
			say("assistant")
		}
		if k.chance(15) {
			say(pick(k, "system", "tool", "critic", "user"))
		}
	}
	args := map[string]any{}
	for range k.r.IntN(2) {
		args[pick(k, "enable_thinking", "thinking", "add_vision_id", "preserve_thinking", "reasoning_effort", "date_string")] = pick[any](k, true, false, "high", nil)
	}
	raw := func(v any) json.RawMessage {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	return conversation{raw(messages), raw(tools), raw(args)}
}
