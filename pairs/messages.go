package pairs

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/steelyard-ml/steelyard/schemas"
)

// A dialogue is a pair in messages: objects with role and content, their other fields in order.
type dialogue struct {
	prompt, chosen, rejected []value
}

// chat reads messages. A prompt that is text stands for the same prompt that the lists begin with.
func (c *columns) chat() (d dialogue, err error) {
	if d.chosen, err = c.messages(colChosen); err != nil {
		return d, err
	}
	if d.rejected, err = c.messages(colRejected); err != nil {
		return d, err
	}
	prompt := c.peek(colPrompt)
	if !prompt.is(jsonNull) && !prompt.is(jsonString) {
		d.prompt, err = c.messages(colPrompt)
		if begins(d.chosen, d.prompt) && begins(d.rejected, d.prompt) {
			d.chosen, d.rejected = d.chosen[len(d.prompt):], d.rejected[len(d.prompt):]
		}
		return d, err
	}
	if d, err = d.extracted(); err == nil && prompt.text != "" && !slices.ContainsFunc(d.prompt, fromUser) {
		return d, refuse(schemas.CodeBadField, "the column %s is text, and no message of the user is in what chosen and rejected have in common, so that text would be left out; put it at the head of both lists as a message", c.called(colPrompt))
	}
	return d, err
}

// begins reports whether a dialogue begins with these messages.
func begins(dialogue, messages []value) bool {
	return len(dialogue) >= len(messages) && slices.EqualFunc(dialogue[:len(messages)], messages, func(a, b value) bool { return a.canonical() == b.canonical() })
}

func fromUser(message value) bool {
	role, _ := message.get("role")
	return role.text == "user"
}

// extracted splits dialogues that begin with the prompt.
func (d dialogue) extracted() (dialogue, error) {
	n := sharedMessages(d.chosen, d.rejected)
	d.prompt, d.chosen, d.rejected = d.chosen[:n], d.chosen[n:], d.rejected[n:]
	if n == 0 {
		return d, refuse(schemas.CodeEmptyPrompt, "chosen and rejected begin with no message in common, so there is no prompt; put the prompt at the head of both or, as messages, into a column prompt")
	}
	return d, nil
}

// shareGPT reads conversations with single turns as answers. A turn may be a message, a list of messages or text.
func (c *columns) shareGPT() (d dialogue, err error) {
	name := colConversations
	if !c.has(name) && c.has(colMessages) {
		name = colMessages
	}
	if d.prompt, err = c.messages(name); err != nil {
		return d, err
	}
	for _, side := range []struct {
		name string
		to   *[]value
	}{{colChosen, &d.chosen}, {colRejected, &d.rejected}} {
		switch v := c.peek(side.name); v.kind {
		case jsonString:
			c.take(side.name)
			*side.to = []value{message("assistant", v.text)}
		case jsonObject:
			c.take(side.name)
			m, err := c.message(side.name, v)
			if err != nil {
				return d, err
			}
			*side.to = []value{m}
		default:
			if *side.to, err = c.messages(side.name); err != nil {
				return d, err
			}
		}
	}
	return d, nil
}

// alpaca reads instruction and input, joined by a newline, after the turns of history.
func (c *columns) alpaca() (d dialogue, err error) {
	instruction, err := c.need(colInstruction, jsonString)
	if err != nil {
		return d, err
	}
	input, err := c.text(colInput)
	if err != nil {
		return d, err
	}
	history := c.take(colHistory)
	if !history.is(jsonNull) && !history.is(jsonArray) {
		return d, c.wrong(colHistory, history, "a list of [question, answer]")
	}
	for _, turn := range history.elems {
		if len(turn.elems) != 2 || !turn.elems[0].is(jsonString) || !turn.elems[1].is(jsonString) {
			return d, refuse(schemas.CodeBadField, "the column %s has the turn %s, which is no [question, answer]; mend the row", c.called(colHistory), clipped(turn))
		}
		d.prompt = append(d.prompt, message("user", turn.elems[0].text), message("assistant", turn.elems[1].text))
	}
	ask := instruction.text
	if input != "" {
		if ask != "" {
			ask += "\n"
		}
		ask += input
	}
	d.prompt = append(d.prompt, message("user", ask))
	chosen, err := c.need(colChosen, jsonString)
	if err != nil {
		return d, err
	}
	rejected, err := c.need(colRejected, jsonString)
	if err != nil {
		return d, err
	}
	d.chosen, d.rejected = []value{message("assistant", chosen.text)}, []value{message("assistant", rejected.text)}
	return d, nil
}

// The marks of Anthropic's HH dialogues.
const (
	markHuman     = "\n\nHuman:"
	markAssistant = "\n\nAssistant:"
)

// isDialogue reports whether a text is an HH dialogue: a human speaks first and the assistant answers.
func isDialogue(s string) bool {
	return strings.HasPrefix(s, markHuman) && strings.Contains(s, markAssistant)
}

// hh reads dialogues written as text. Turns lose the white space around them.
func (c *columns) hh() (d dialogue, err error) {
	prompt, err := c.text(colPrompt)
	if err != nil {
		return d, err
	}
	for _, side := range []struct {
		name string
		to   *[]value
	}{{colChosen, &d.chosen}, {colRejected, &d.rejected}} {
		v, err := c.need(side.name, jsonString)
		if err != nil {
			return d, err
		}
		text := v.text
		if !strings.HasPrefix(prompt, markHuman) || !strings.HasPrefix(text, prompt) { // else it is the whole dialogue already
			text = prompt + text
		}
		if !isDialogue(text) {
			return d, refuse(schemas.CodeBadField, "the column %s is no dialogue that begins with %q and has %q; mend the row, or say --format=text", c.called(side.name), markHuman, markAssistant)
		}
		*side.to = turns(text)
	}
	return d.extracted()
}

// turns splits an HH dialogue.
func turns(s string) []value {
	var out []value
	for s != "" {
		role, mark := "user", markHuman
		if strings.HasPrefix(s, markAssistant) {
			role, mark = "assistant", markAssistant
		}
		s = s[len(mark):]
		end := len(s)
		for _, m := range []string{markHuman, markAssistant} {
			if i := strings.Index(s, m); i >= 0 {
				end = min(end, i)
			}
		}
		out = append(out, message(role, strings.TrimSpace(s[:end])))
		s = s[end:]
	}
	return out
}

func message(role, content string) value {
	return objectValue(member{"role", textValue(role)}, member{"content", textValue(content)})
}

// messages takes a column that is a list of messages.
func (c *columns) messages(name string) ([]value, error) {
	v, err := c.need(name, jsonArray)
	if err != nil {
		return nil, err
	}
	out := make([]value, len(v.elems))
	for i, e := range v.elems {
		if out[i], err = c.message(name, e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// roles maps ShareGPT's names of speakers to roles.
var roles = map[string]string{
	"human": "user", "user": "user",
	"gpt": "assistant", "assistant": "assistant",
	"system": "system",
	"tool":   "tool", "observation": "tool", "function": "tool", "function_response": "tool", "tool_response": "tool",
	"function_call": callRole, "tool_call": callRole,
}

// callRole marks a ShareGPT turn whose text is the JSON of a call, or of a list of calls.
const callRole = "assistant calls"

// message checks one message, role/content or from/value, and returns it as role/content. Fields that are null are dropped, but for
// content, which is null where the assistant calls tools and says nothing.
func (c *columns) message(column string, v value) (value, error) {
	if !v.is(jsonObject) {
		return v, refuse(schemas.CodeBadField, "the column %s holds %s where a message (an object with role and content) is needed; mend the row, or say with --format which layout this is", c.called(column), v.kind)
	}
	roleKey, contentKey := "role", "content"
	if from, _ := v.get("from"); !from.is(jsonNull) {
		roleKey, contentKey = "from", "value"
	}
	role, _ := v.get(roleKey)
	content, _ := v.get(contentKey)
	calls, _ := v.get("tool_calls")
	if !role.is(jsonString) || role.text == "" {
		return v, refuse(schemas.CodeBadField, "a message of the column %s has no %s; its fields must be role and content, or from and value", c.called(column), roleKey)
	}
	if roleKey == "from" {
		mapped, ok := roles[role.text]
		if !ok {
			return v, refuse(schemas.CodeBadField, "a message of the column %s is from %q, which is none of human, gpt, system, observation, function_call and their like; rename it", c.called(column), role.text)
		}
		role = textValue(mapped)
	}
	called := role.text == callRole
	if called {
		var err error
		if calls, err = toolCalls(content.text); err != nil {
			return v, err
		}
		role, content = textValue("assistant"), value{}
	} else if err := c.checkContent(column, role.text, content, calls); err != nil {
		return v, err
	}
	out := value{kind: jsonObject}
	put := func(name string, v value) { out.members = append(out.members, member{name, v}) }
	spoken := false
	for _, m := range v.members {
		switch {
		case m.name == roleKey:
			put("role", role)
		case m.name == contentKey:
			put("content", content)
			spoken = true
		case m.name == "tool_calls" && called, m.value.is(jsonNull), m.name == "role", m.name == "content":
		default:
			put(m.name, m.value)
		}
	}
	if !spoken {
		put("content", content)
	}
	if called {
		put("tool_calls", calls)
	}
	return out, nil
}

// checkContent says whether a message's content is text, a list of text parts, or null beside tool calls.
func (c *columns) checkContent(column, role string, content, calls value) error {
	switch {
	case content.is(jsonString):
		return nil
	case content.is(jsonNull) && !calls.empty():
		return nil
	case !content.is(jsonArray):
		return refuse(schemas.CodeBadField, "the content of a %s message of the column %s is %s where text is needed; mend the row", role, c.called(column), content.kind)
	}
	for _, part := range content.elems {
		if kind, _ := part.get("type"); kind.text != "text" {
			return refuse(schemas.CodeUnsupportedField, "a message of the column %s has the part %s; models that see or hear are not supported, leave such rows out", c.called(column), clipped(part))
		}
	}
	return nil
}

// toolCalls makes the tool_calls of a message out of a ShareGPT turn's text.
func toolCalls(text string) (value, error) {
	v, err := parse(text)
	if v.is(jsonObject) {
		v = arrayValue(v)
	}
	isCall := func(e value) bool { name, _ := e.get("name"); return name.is(jsonString) }
	if err != nil || len(v.elems) == 0 || slices.ContainsFunc(v.elems, func(e value) bool { return !isCall(e) }) {
		return v, refuse(schemas.CodeBadField, `a function call is not JSON with a name and arguments, such as {"name":"f","arguments":{"x":1}}; mend the row`)
	}
	calls := value{kind: jsonArray}
	for _, call := range v.elems {
		calls.elems = append(calls.elems, objectValue(member{"type", textValue("function")}, member{"function", call}))
	}
	return calls, nil
}

// chatPair adds the system message and what the template takes.
func (c *columns) chatPair(d dialogue) (schemas.Pair, error) {
	p := schemas.Pair{Kind: schemas.KindChat}
	if len(d.prompt) == 0 {
		return p, refuse(schemas.CodeEmptyPrompt, "the prompt has no message; drop the row")
	}
	if len(d.chosen) == 0 || len(d.rejected) == 0 {
		return p, refuse(schemas.CodeEmptyCompletion, "chosen or rejected has no message; drop the row")
	}
	system, err := c.text(colSystem)
	if err != nil {
		return p, err
	}
	if system != "" {
		role, _ := d.prompt[0].get("role")
		content, _ := d.prompt[0].get("content")
		switch {
		case role.text != "system":
			d.prompt = append([]value{message("system", system)}, d.prompt...)
		case content.text != system:
			return p, refuse(schemas.CodeBadField, "the column %s and the first message are two different system messages; drop one", c.called(colSystem))
		}
	}
	if p.Tools, err = c.embedded(colTools, jsonArray); err != nil {
		return p, err
	}
	if p.TemplateArgs, err = c.embedded(colTemplateArgs, jsonObject); err != nil {
		return p, err
	}
	p.Prompt, p.Chosen, p.Rejected = arrayValue(d.prompt...).compact(), arrayValue(d.chosen...).compact(), arrayValue(d.rejected...).compact()
	return p, nil
}

// embedded takes a column that is a list or object, or text that holds one as JSON, and returns its JSON; "" where there is none. An
// empty list of tools is one: templates can tell it from none.
func (c *columns) embedded(name string, k jsonKind) (string, error) {
	v := c.take(name)
	if v.is(jsonString) && strings.TrimSpace(v.text) != "" {
		inner, err := parse(v.text)
		if err != nil {
			return "", refuse(schemas.CodeBadField, "the column %s is text that holds no JSON: %v", c.called(name), err)
		}
		v = inner
	} else if v.is(jsonString) {
		return "", nil
	}
	if v.empty() && !(v.is(jsonArray) && k == jsonArray) {
		return "", nil
	}
	if !v.is(k) {
		return "", c.wrong(name, v, k.String())
	}
	return v.compact(), nil
}

// sharedMessages returns how many messages are the prompt of two dialogues: the common ones; if one dialogue is the beginning of the
// other, all but its last.
func sharedMessages(chosen, rejected []value) int {
	shorter := min(len(chosen), len(rejected))
	for i := range shorter {
		if chosen[i].canonical() != rejected[i].canonical() {
			return i
		}
	}
	return max(0, shorter-1)
}

// sharedText returns where the prompt of two texts ends, in bytes: where their characters differ, before a space that stands there;
// if one text is the beginning of the other, before its last character.
func sharedText(chosen, rejected string) int {
	n := 0
	for n < len(chosen) && n < len(rejected) && chosen[n] == rejected[n] {
		n++
	}
	if n == len(chosen) || n == len(rejected) {
		_, last := utf8.DecodeLastRuneInString(chosen[:n])
		return n - last
	}
	for n > 0 && !utf8.RuneStart(chosen[n]) {
		n--
	}
	if n > 0 && chosen[n-1] == ' ' {
		n--
	}
	return n
}
