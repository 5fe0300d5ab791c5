package pairs

import (
	"slices"
	"strconv"
	"strings"

	"github.com/steelyard-ml/steelyard/schemas"
)

// columns are the columns of one row, and which of them the layout has taken; the others are metadata.
type columns struct {
	row   value
	names map[string]string // Options.Columns
	taken []bool            // beside row.members
}

// find returns the number of the member that is our column of that name, or -1. Null counts as there. What the user has given to one of
// our names is not also what it is called: with instruction=input there is no input, or the question would be asked twice.
func (c *columns) find(name string) int {
	if theirs, ok := c.names[name]; ok {
		name = theirs
	} else if c.mapped(name) {
		return -1
	}
	return slices.IndexFunc(c.row.members, func(m member) bool { return m.name == name })
}

// mapped reports whether the data's column of that name was given to one of our names.
func (c *columns) mapped(theirs string) bool {
	for _, name := range c.names {
		if name == theirs {
			return true
		}
	}
	return false
}

// peek returns a column without taking it; null where it is not there.
func (c *columns) peek(name string) value {
	if i := c.find(name); i >= 0 {
		return c.row.members[i].value
	}
	return value{}
}

func (c *columns) has(name string) bool { return !c.peek(name).is(jsonNull) }

// take returns a column, null where it is not there, and keeps it out of the metadata.
func (c *columns) take(name string) value {
	i := c.find(name)
	if i < 0 {
		return value{}
	}
	c.taken[i] = true
	return c.row.members[i].value
}

// called is how a message names a column: by the data's own name.
func (c *columns) called(name string) string {
	if theirs, ok := c.names[name]; ok {
		return theirs + " (our " + name + ")"
	}
	return name
}

// need takes a column that must be there and be of the kind.
func (c *columns) need(name string, k jsonKind) (value, error) {
	v := c.take(name)
	if v.is(jsonNull) {
		return v, c.missing(name)
	}
	if !v.is(k) {
		return v, c.wrong(name, v, k.String())
	}
	return v, nil
}

// text takes a column of text that may be missing.
func (c *columns) text(name string) (string, error) {
	v := c.take(name)
	if !v.is(jsonNull) && !v.is(jsonString) {
		return "", c.wrong(name, v, "text")
	}
	return v.text, nil
}

func (c *columns) missing(name string) error {
	what := "is not there"
	if c.find(name) >= 0 {
		what = "is null"
	}
	return refuse(schemas.CodeMissingField, "the column %s %s; the row has %s. Fill it, or map it with --columns %s=THEIRS", c.called(name), what, c.list(), name)
}

func (c *columns) wrong(name string, v value, want string) error {
	return refuse(schemas.CodeBadField, "the column %s is %s where %s is needed; mend the row, or say with --format which layout this is", c.called(name), v.kind, want)
}

// list names the row's columns, for messages.
func (c *columns) list() string {
	var names []string
	for _, m := range c.row.members {
		names = append(names, m.name)
	}
	if len(names) == 0 {
		return "no columns"
	}
	if len(names) > 30 {
		names = append(names[:30], "…")
	}
	return "the columns " + strings.Join(names, ", ")
}

// pairOf makes a pair of a row's value.
func pairOf(v value, o Options) (schemas.Pair, error) {
	if !v.is(jsonObject) {
		return schemas.Pair{}, refuse(schemas.CodeBadJSON, "the row is %s, not an object with columns", v.kind)
	}
	c := &columns{row: v, names: o.Columns, taken: make([]bool, len(v.members))}
	if err := c.unsupported(); err != nil {
		return schemas.Pair{}, err
	}
	format := o.Format
	if format == FormatAuto {
		var err error
		if format, err = c.recognise(); err != nil {
			return schemas.Pair{}, err
		}
	}
	p, err := c.pair(format, o)
	if err != nil {
		return schemas.Pair{}, err
	}
	p.Meta = c.meta(o.Meta)
	return p, nil
}

// unsupported refuses data for other methods by name.
func (c *columns) unsupported() error {
	for _, name := range []string{"images", "image", "videos", "audios"} {
		if v, _ := c.row.get(name); !v.empty() {
			return refuse(schemas.CodeUnsupportedField, "the column %s is not empty, and models that see images or hear are not supported; leave such rows out", name)
		}
	}
	if c.has(colChosen) || c.has(colRejected) {
		return nil
	}
	there := func(name string) bool { _, ok := c.row.get(name); return ok }
	label := ""
	switch {
	case there("kto_tag"):
		label = "kto_tag"
	case there("label") && (there("completion") || there(colMessages) || there(colConversations)):
		label = "label"
	default:
		return nil
	}
	return refuse(schemas.CodeUnsupportedField, "the column %s is KTO's label of a single answer; DPO needs a chosen and a rejected answer to each prompt", label)
}

// recognise tells the layout by the columns that are there and what they hold.
func (c *columns) recognise() (Format, error) {
	if !c.has(colChosen) && !c.has(colRejected) {
		if c.has(colPromptIDs) || c.has(colChosenIDs) || c.has(colRejectedIDs) {
			return FormatTokens, nil
		}
		if c.find(colChosen) < 0 && c.find(colRejected) < 0 && c.names[colChosen] == "" && c.names[colRejected] == "" {
			return "", refuse(schemas.CodeUnknownLayout, "no layout of preference data fits %s; name the columns with --columns chosen=THEIRS,rejected=THEIRS,prompt=THEIRS", c.list())
		}
	}
	for _, name := range []string{colChosen, colRejected} {
		if !c.has(name) {
			return "", c.missing(name)
		}
	}
	for _, name := range []string{colPrompt, colConversations, colInstruction} {
		if c.names[name] != "" && c.find(name) < 0 {
			return "", c.missing(name)
		}
	}
	chosen, rejected := c.peek(colChosen), c.peek(colRejected)
	texts := chosen.is(jsonString) && rejected.is(jsonString)
	lists := chosen.is(jsonArray) && rejected.is(jsonArray)
	switch {
	case c.has(colPrompt):
		if texts {
			return FormatText, nil
		}
		return FormatChat, nil
	case c.has(colConversations), c.has(colMessages) && !lists:
		return FormatShareGPT, nil
	case c.has(colInstruction) && texts:
		return FormatAlpaca, nil
	case lists:
		return FormatChat, nil
	case texts && isDialogue(chosen.text) && isDialogue(rejected.text):
		return FormatHH, nil
	case texts && c.find(colPrompt) >= 0:
		return "", c.missing(colPrompt) // null: not meant to be implicit
	case texts:
		return FormatText, c.prompted(chosen.text, rejected.text)
	}
	return "", refuse(schemas.CodeBadField, "chosen is %s and rejected is %s; both must be text or both lists of messages (single messages need conversations beside them)", chosen.kind, rejected.kind)
}

// prompted refuses two texts without a prompt column beside a column that looks like one. Their common beginning, most often nothing or
// the answers' first words, would be taken for the prompt and the question be left out, and no number would show it.
func (c *columns) prompted(chosen, rejected string) error {
	shared := chosen[:sharedText(chosen, rejected)]
	for _, name := range []string{"question", "query", "input", "problem", "request", "post"} {
		v, _ := c.row.get(name)
		if text := strings.TrimSpace(v.text); v.is(jsonString) && text != "" && !strings.Contains(shared, text) {
			return refuse(schemas.CodeMissingField, "there is no column prompt, and the column %s, which looks like one, is not what chosen and rejected begin with. "+
				"For messages say --columns instruction=%s, for plain text --columns prompt=%s; --format=text takes what chosen and rejected have in common for the prompt", name, name, name)
		}
	}
	return nil
}

// pair makes the pair of one layout, without its metadata.
func (c *columns) pair(format Format, o Options) (schemas.Pair, error) {
	var d dialogue
	var err error
	switch format {
	case FormatText:
		return c.textPair(o.Format)
	case FormatTokens:
		return c.tokenPair()
	case FormatChat:
		d, err = c.chat()
	case FormatShareGPT:
		d, err = c.shareGPT()
	case FormatAlpaca:
		d, err = c.alpaca()
	case FormatHH:
		d, err = c.hh()
	}
	if err != nil {
		return schemas.Pair{}, err
	}
	return c.chatPair(d)
}

// textPair reads the text layout, explicit or implicit.
func (c *columns) textPair(asked Format) (schemas.Pair, error) {
	chosen, err := c.need(colChosen, jsonString)
	if err != nil {
		return schemas.Pair{}, err
	}
	rejected, err := c.need(colRejected, jsonString)
	if err != nil {
		return schemas.Pair{}, err
	}
	for _, name := range []string{colSystem, colTools, colTemplateArgs} {
		if asked != FormatText && !c.peek(name).empty() {
			return schemas.Pair{}, refuse(schemas.CodeBadField, "the column %s has no meaning beside plain text, which no chat template is applied to. "+
				"For messages say --format=alpaca --columns instruction=prompt; to keep plain text and carry the column as metadata say --format=text", c.called(name))
		}
	}
	p := schemas.Pair{Kind: schemas.KindText, Chosen: chosen.text, Rejected: rejected.text}
	if c.find(colPrompt) >= 0 || c.names[colPrompt] != "" {
		prompt, err := c.need(colPrompt, jsonString)
		p.Prompt = prompt.text
		if asked != FormatText && strings.HasPrefix(p.Prompt, markHuman) && strings.HasPrefix(p.Chosen, p.Prompt) && strings.HasPrefix(p.Rejected, p.Prompt) {
			return p, refuse(schemas.CodeBadField, "chosen and rejected repeat the dialogue of the column %s, which would be read twice; say --format=hh", c.called(colPrompt))
		}
		return p, err
	}
	if p.Chosen == "" || p.Rejected == "" {
		return p, refuse(schemas.CodeEmptyCompletion, "the row has no prompt column and an empty answer, so there is no prompt to extract; add a prompt column or drop the row")
	}
	at := sharedText(p.Chosen, p.Rejected)
	if at == 0 {
		return p, refuse(schemas.CodeEmptyPrompt, "chosen and rejected begin with no character in common, so there is no prompt; put it into a column prompt, or name its column with --columns prompt=THEIRS")
	}
	p.Prompt, p.Chosen, p.Rejected = p.Chosen[:at], p.Chosen[at:], p.Rejected[at:]
	return p, nil
}

// tokenPair reads ids.
func (c *columns) tokenPair() (schemas.Pair, error) {
	p := schemas.Pair{Kind: schemas.KindTokens}
	for _, side := range []struct {
		name  string
		ids   *[]int32
		empty schemas.Code
	}{
		{colPromptIDs, &p.PromptIDs, schemas.CodeEmptyPrompt},
		{colChosenIDs, &p.ChosenIDs, schemas.CodeEmptyCompletion},
		{colRejectedIDs, &p.RejectedIDs, schemas.CodeEmptyCompletion},
	} {
		v, err := c.need(side.name, jsonArray)
		if err != nil {
			return p, err
		}
		if len(v.elems) == 0 {
			return p, refuse(side.empty, "the column %s has no token; drop the row or tokenize it again", c.called(side.name))
		}
		ids := make([]int32, len(v.elems))
		for i, e := range v.elems {
			id, err := strconv.ParseInt(e.text, 10, 32)
			if !e.is(jsonNumber) || err != nil || id < 0 {
				return p, refuse(schemas.CodeBadField, "element %d of the column %s is %s, not a token id (a whole number from 0); tokenize the row again", i, c.called(side.name), clipped(e))
			}
			ids[i] = int32(id)
		}
		*side.ids = ids
	}
	return p, nil
}

// clipped shows a value in a message.
func clipped(v value) string {
	s := v.compact()
	if len(s) > 80 {
		s = strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

// meta gathers the columns that no one took, as the policy says.
func (c *columns) meta(policy MetaPolicy) string {
	var kept []member
	for i, m := range c.row.members {
		if !c.taken[i] && policy.keeps(m.name) {
			kept = append(kept, m)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return objectValue(kept...).canonical()
}
