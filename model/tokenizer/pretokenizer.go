package tokenizer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/scan"
	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/ucd"
)

// preTokenizerOf returns the pre-tokenizer of a component, nil for none.
func preTokenizerOf(c component) (preTokenizer, error) {
	if c.absent() {
		return nil, nil
	}
	kind, err := c.kind()
	if err != nil {
		return nil, err
	}
	if chain, ok := chains[kind]; ok {
		return chain, c.fields(&typed{})
	}
	switch kind {
	case "ByteLevel":
		f := struct {
			typed
			AddPrefixSpace bool `json:"add_prefix_space"`
			TrimOffsets    bool `json:"trim_offsets"` // offsets are not kept here
			UseRegex       bool `json:"use_regex"`
		}{UseRegex: true}
		err := c.fields(&f)
		return byteLevel{prefix: f.AddPrefixSpace, words: f.UseRegex}, err
	case "CharDelimiterSplit":
		var f struct {
			typed
			Delimiter string `json:"delimiter"`
		}
		if err := c.fields(&f); err != nil {
			return nil, err
		}
		if len([]rune(f.Delimiter)) != 1 {
			return nil, fmt.Errorf("%s: delimiter must be one character, not %q", c.path, f.Delimiter)
		}
		return cut{find: scan.Literal(f.Delimiter), keep: removed}, nil
	case "Digits":
		var f struct {
			typed
			IndividualDigits bool `json:"individual_digits"`
		}
		err := c.fields(&f)
		return cut{find: scan.Numerals(f.IndividualDigits)}, err
	case "FixedLength":
		f := struct {
			typed
			Length int `json:"length"`
		}{Length: 5}
		if err := c.fields(&f); err != nil {
			return nil, err
		}
		if f.Length < 1 {
			return nil, fmt.Errorf("%s: length must be at least 1, not %d", c.path, f.Length)
		}
		return cut{find: scan.Chunk(f.Length)}, nil
	case "Metaspace":
		return metaspaceOf(c)
	case "Punctuation":
		f := struct {
			typed
			Behavior string `json:"behavior"`
		}{Behavior: "Isolated"}
		if err := c.fields(&f); err != nil {
			return nil, err
		}
		k, ok := keeps[f.Behavior]
		if !ok {
			return nil, fmt.Errorf("%s: behavior %q is not supported", c.path, f.Behavior)
		}
		return cut{find: scan.One(ucd.Punctuation), keep: k}, nil
	case "Split":
		return cutOf(c)
	case "Sequence":
		return preTokenizersOf(c)
	}
	return nil, c.unknown(kind, append(slices.Collect(maps.Keys(chains)), "ByteLevel", "CharDelimiterSplit", "Digits", "FixedLength",
		"Metaspace", "Punctuation", "Sequence", "Split")...)
}

// chains are the pre-tokenizers that have no fields.
var chains = map[string]preTokenizers{
	"WhitespaceSplit":  {cut{find: scan.One(ucd.White), keep: removed}},
	"Whitespace":       {cut{find: scan.Whitespace, keep: removed, invert: true}},
	"BertPreTokenizer": {cut{find: scan.One(ucd.White), keep: removed}, cut{find: scan.One(ucd.Punctuation)}},
}

// preTokenizers are applied one after the other, each to every piece of the one before.
type preTokenizers []preTokenizer

func preTokenizersOf(c component) (preTokenizer, error) {
	var f struct {
		typed
		PreTokenizers []json.RawMessage `json:"pretokenizers"`
	}
	if err := c.fields(&f); err != nil {
		return nil, err
	}
	var all preTokenizers
	for _, part := range c.parts(f.PreTokenizers, "pretokenizers") {
		t, err := preTokenizerOf(part)
		if err != nil {
			return nil, err
		}
		if len(all) > 0 && isByteLevel(all) {
			return nil, fmt.Errorf("%s: nothing is supported after ByteLevel", part.path)
		}
		if t != nil {
			all = append(all, t)
		}
	}
	return all, nil
}

func (all preTokenizers) split(dst []piece, p piece) []piece {
	begin := len(dst)
	dst = append(dst, p)
	for _, t := range all {
		// The pieces of this step go behind those of the last, and then in their place.
		end := len(dst)
		for i := begin; i < end; i++ {
			if dst[i].text != "" {
				dst = t.split(dst, dst[i])
			}
		}
		n := copy(dst[begin:], dst[end:])
		clear(dst[begin+n:])
		dst = dst[:begin+n]
	}
	return dst
}

// byteLevel splits as GPT-2 does. The crate also writes the bytes in the byte-level alphabet; here the model undoes that instead.
type byteLevel struct {
	prefix bool // begin every piece with a space
	words  bool // split by GPT-2's pattern
}

// isByteLevel reports whether the pieces of a pre-tokenizer are for a byte-level model.
func isByteLevel(t preTokenizer) bool {
	switch t := t.(type) {
	case byteLevel:
		return true
	case preTokenizers:
		return len(t) > 0 && isByteLevel(t[len(t)-1])
	}
	return false
}

func (b byteLevel) split(dst []piece, p piece) []piece {
	if b.prefix && !strings.HasPrefix(p.text, " ") {
		p.text = " " + p.text
	}
	if !b.words {
		return append(dst, p)
	}
	return cut{find: scan.GPT2}.split(dst, p)
}

// metaspace writes spaces as another character and begins words with it, as SentencePiece does.
type metaspace struct {
	space string // what stands for a space
	where string // prepend_scheme: "always", "first" or "never"
	words bool   // split before every one of them
}

func metaspaceOf(c component) (preTokenizer, error) {
	var f metaspaceFields
	if err := c.fields(&f); err != nil {
		return nil, err
	}
	where, err := f.scheme(c)
	return metaspace{f.Replacement, where, f.Split == nil || *f.Split}, err
}

// metaspaceFields are the fields of Metaspace, as pre-tokenizer and as decoder.
type metaspaceFields struct {
	typed
	Replacement    string `json:"replacement"`
	StrRep         string `json:"str_rep"` // of old files, the same as replacement
	AddPrefixSpace *bool  `json:"add_prefix_space"`
	PrependScheme  string `json:"prepend_scheme"`
	Split          *bool  `json:"split"`
}

// scheme returns when a piece gets a space before it.
func (f metaspaceFields) scheme(c component) (string, error) {
	if n := len([]rune(f.Replacement)); n != 1 {
		return "", fmt.Errorf("%s: replacement must be one character, not %q", c.path, f.Replacement)
	}
	where := f.PrependScheme
	switch {
	case f.AddPrefixSpace != nil && !*f.AddPrefixSpace && where == "":
		where = "never"
	case f.AddPrefixSpace != nil && !*f.AddPrefixSpace && where != "never":
		return "", fmt.Errorf("%s: add_prefix_space is false but prepend_scheme is %q", c.path, where)
	case where == "":
		where = "always"
	}
	if where != "always" && where != "first" && where != "never" {
		return "", fmt.Errorf("%s: prepend_scheme %q is not supported (supported: always, first, never)", c.path, where)
	}
	return where, nil
}

// first reports whether a pre-tokenizer does another thing where the input begins.
func first(t preTokenizer) bool {
	switch t := t.(type) {
	case metaspace:
		return t.where == "first"
	case preTokenizers:
		return slices.ContainsFunc(t, first)
	}
	return false
}

func (m metaspace) split(dst []piece, p piece) []piece {
	p.text = strings.ReplaceAll(p.text, " ", m.space)
	if (m.where == "always" || m.where == "first" && p.first) && !strings.HasPrefix(p.text, m.space) {
		p.text = m.space + p.text
	}
	if !m.words {
		return append(dst, p)
	}
	return cut{find: scan.Literal(m.space), keep: mergedWithNext}.split(dst, p)
}
