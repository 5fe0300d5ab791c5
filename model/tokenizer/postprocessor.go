package tokenizer

import (
	"encoding/json"
	"fmt"
)

// postProcessorOf returns the post-processor of a component, nil where it adds nothing.
func postProcessorOf(c component) (postProcessor, error) {
	if c.absent() {
		return nil, nil
	}
	kind, err := c.kind()
	if err != nil {
		return nil, err
	}
	switch kind {
	case "ByteLevel": // changes offsets only
		var f struct {
			typed
			AddPrefixSpace bool `json:"add_prefix_space"`
			TrimOffsets    bool `json:"trim_offsets"`
			UseRegex       bool `json:"use_regex"`
		}
		return nil, c.fields(&f)
	case "BertProcessing", "RobertaProcessing":
		var f struct {
			typed
			Sep            specialID `json:"sep"`
			Cls            specialID `json:"cls"`
			TrimOffsets    bool      `json:"trim_offsets"`
			AddPrefixSpace bool      `json:"add_prefix_space"`
		}
		err := c.fields(&f)
		return template{{ids: []int32{int32(f.Cls)}}, {text: true}, {ids: []int32{int32(f.Sep)}}}, err
	case "Sequence":
		var f struct {
			typed
			Processors []json.RawMessage `json:"processors"`
		}
		if err := c.fields(&f); err != nil {
			return nil, err
		}
		var one postProcessor
		for _, part := range c.parts(f.Processors, "processors") {
			p, err := postProcessorOf(part)
			if err != nil {
				return nil, err
			}
			if p != nil && one != nil {
				// The crate would apply the second to each part of what the first made.
				return nil, fmt.Errorf("%s: a second processor that adds tokens is not supported", part.path)
			}
			if p != nil {
				one = p
			}
		}
		return one, nil
	case "TemplateProcessing":
		return templateOf(c)
	}
	return nil, c.unknown(kind, "BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing")
}

// A specialID is the id of a token that a file gives as [token, id].
type specialID int32

// UnmarshalJSON reads the pair.
func (s *specialID) UnmarshalJSON(data []byte) error {
	var token string
	pair := [2]any{&token, (*int32)(s)}
	return json.Unmarshal(data, &pair)
}

// A template is ids and the place of the text between them.
type template []templatePart

type templatePart struct {
	text bool
	ids  []int32 // of a special token
}

func templateOf(c component) (postProcessor, error) {
	type reference struct {
		ID     string `json:"id"`
		TypeID int    `json:"type_id"`
	}
	var f struct {
		typed
		Single []struct {
			SpecialToken *reference
			Sequence     *reference
		} `json:"single"`
		Pair          json.RawMessage `json:"pair"` // texts come alone here
		SpecialTokens map[string]struct {
			ID     string   `json:"id"`
			IDs    []int32  `json:"ids"`
			Tokens []string `json:"tokens"`
		} `json:"special_tokens"`
	}
	if err := c.fields(&f); err != nil {
		return nil, err
	}
	var t template
	for i, part := range f.Single {
		switch {
		case part.SpecialToken != nil:
			token, ok := f.SpecialTokens[part.SpecialToken.ID]
			if !ok {
				return nil, fmt.Errorf("%s.single[%d]: special_tokens lacks %q", c.path, i, part.SpecialToken.ID)
			}
			t = append(t, templatePart{ids: token.IDs})
		case part.Sequence != nil && part.Sequence.ID == "A":
			t = append(t, templatePart{text: true})
		default:
			return nil, fmt.Errorf("%s.single[%d]: neither a SpecialToken nor the Sequence A", c.path, i)
		}
	}
	return t, nil
}

func (t template) process(ids []int32) []int32 {
	n := 0
	for _, part := range t {
		n += len(part.ids)
	}
	out := make([]int32, 0, len(ids)+n)
	for _, part := range t {
		if part.text {
			out = append(out, ids...)
		} else {
			out = append(out, part.ids...)
		}
	}
	return out
}
