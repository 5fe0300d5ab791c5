package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/bpe"
	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/unigram"
)

// A subwordModel is a vocabulary and how to encode words with it.
type subwordModel struct {
	vocab   map[string]int32
	session func() session
	bpe     bool
}

// modelOf returns the model of a component; byteLevel says that its words are bytes.
func modelOf(c component, byteLevel bool, with *config) (*subwordModel, error) {
	if c.absent() {
		return nil, fmt.Errorf("%s: missing", c.path)
	}
	kind, err := c.kind()
	if err != nil {
		return nil, err
	}
	switch kind {
	case "BPE", "": // files of the first releases don't name it
		return bpeOf(c, byteLevel, with)
	case "Unigram":
		if with.plan != nil {
			return nil, fmt.Errorf("%s: tokenizer_class %s needs a BPE model; a Unigram is not supported there", c.path, with.plan.Class)
		}
		return unigramOf(c, byteLevel)
	}
	return nil, c.unknown(kind, "BPE", "Unigram")
}

func unigramOf(c component, byteLevel bool) (*subwordModel, error) {
	var f struct {
		typed
		Vocab        []scored `json:"vocab"`
		UnknownID    *int     `json:"unk_id"`
		ByteFallback bool     `json:"byte_fallback"`
	}
	if err := c.fields(&f); err != nil {
		return nil, err
	}
	if f.UnknownID == nil {
		return nil, fmt.Errorf("%s: unk_id is missing; give the id of the token for what the vocabulary lacks", c.path)
	}
	pieces := make([]unigram.Piece, len(f.Vocab))
	for i, s := range f.Vocab {
		pieces[i] = unigram.Piece(s)
	}
	m, err := unigram.New(pieces, *f.UnknownID, f.ByteFallback)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.path, err)
	}
	model := &subwordModel{vocab: m.Vocab(), session: func() session { return m.Session() }}
	if byteLevel {
		model.session = func() session { return spelled{m.Session()} }
	}
	return model, nil
}

// A scored piece is [piece, score].
type scored unigram.Piece

// UnmarshalJSON reads the pair.
func (s *scored) UnmarshalJSON(data []byte) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("vocab: a piece with %d values instead of a token and its score", len(pair))
	}
	if err := json.Unmarshal(pair[0], &s.Token); err != nil {
		return err
	}
	return json.Unmarshal(pair[1], &s.Score)
}

// spelled writes words in the byte-level alphabet before the model sees them.
type spelled struct{ session }

func (s spelled) Append(dst []int32, word string) []int32 {
	return s.session.Append(dst, bpe.Spell(word))
}

func bpeOf(c component, byteLevel bool, with *config) (*subwordModel, error) {
	var f struct {
		typed
		Vocab        map[string]int32 `json:"vocab"`
		Merges       mergeList        `json:"merges"`
		Dropout      float64          `json:"dropout"`
		Unknown      string           `json:"unk_token"`
		Prefix       string           `json:"continuing_subword_prefix"`
		Suffix       string           `json:"end_of_word_suffix"`
		FuseUnknown  bool             `json:"fuse_unk"`
		ByteFallback bool             `json:"byte_fallback"`
		IgnoreMerges bool             `json:"ignore_merges"`
	}
	if err := c.fields(&f); err != nil {
		return nil, err
	}
	if p := with.plan; p != nil {
		f.Dropout, f.Prefix, f.Suffix, f.IgnoreMerges = 0, "", "", false
		f.FuseUnknown, f.ByteFallback, f.Unknown = p.FuseUnknown, p.ByteFallback, ""
		if p.Unknown {
			if f.Unknown = with.named["unk_token"]; f.Unknown == "" {
				return nil, fmt.Errorf("%s: unk_token: %s needs one", configFile, p.Class)
			}
		}
	}
	switch {
	case f.Dropout != 0:
		return nil, fmt.Errorf("%s: dropout %v makes the ids random; set it to null", c.path, f.Dropout)
	case f.Prefix != "":
		return nil, fmt.Errorf("%s: continuing_subword_prefix %q is not supported", c.path, f.Prefix)
	case f.Suffix != "":
		return nil, fmt.Errorf("%s: end_of_word_suffix %q is not supported", c.path, f.Suffix)
	}
	m, err := bpe.New(bpe.Spec{
		Vocab: f.Vocab, Merges: f.Merges, Bytes: byteLevel,
		Unknown: f.Unknown, FuseUnknown: f.FuseUnknown, ByteFallback: f.ByteFallback, IgnoreMerges: f.IgnoreMerges,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.path, err)
	}
	return &subwordModel{f.Vocab, func() session { return m.Session() }, true}, nil
}

// A mergeList is merges by rank, which files give as "left right" or, since a token may hold a space, as ["left", "right"].
type mergeList [][2]string

// UnmarshalJSON reads either form.
func (m *mergeList) UnmarshalJSON(data []byte) error {
	if rest := bytes.TrimLeft(data, "[ \t\r\n"); len(rest) > 0 && rest[0] == '"' && bytes.Count(data[:len(data)-len(rest)], []byte("[")) == 1 {
		return m.unmarshalLines(data)
	}
	var pairs [][]string
	if err := json.Unmarshal(data, &pairs); err != nil {
		return err
	}
	*m = make(mergeList, len(pairs))
	for i, pair := range pairs {
		if len(pair) != 2 {
			return fmt.Errorf("merges[%d]: %d strings instead of 2", i, len(pair))
		}
		(*m)[i] = [2]string(pair)
	}
	return nil
}

func (m *mergeList) unmarshalLines(data []byte) error {
	var lines []string
	if err := json.Unmarshal(data, &lines); err != nil {
		return err
	}
	*m = make(mergeList, 0, len(lines))
	for i, line := range lines {
		if strings.HasPrefix(line, "#version") {
			continue
		}
		left, right, ok := strings.Cut(line, " ")
		if !ok || strings.Contains(right, " ") {
			return fmt.Errorf("merges[%d]: %q is not two tokens with a space between them", i, line)
		}
		*m = append(*m, [2]string{left, right})
	}
	return nil
}
