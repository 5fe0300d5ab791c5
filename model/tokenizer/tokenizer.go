package tokenizer

import (
	"strings"
	"sync"
)

// A Tokenizer turns text into token ids and back. It is safe for concurrent use.
type Tokenizer struct {
	ids    map[string]int32 // the model's vocabulary
	tokens []string         // the token of each id; added ones take precedence
	held   []bool           // whether an id has a token

	added         *addedVocabulary
	normalizer    normalizer    // nil for none
	preTokenizer  preTokenizer  // nil for none
	postProcessor postProcessor // nil for none
	decoder       decoder       // nil for none

	named    map[string]string // bos_token and so on
	cleanUp  bool              // Decode takes out spaces before punctuation
	encoders sync.Pool         // of *encoder
}

// A normalizer changes a text before it is split.
type normalizer interface {
	normalize(text string) string
}

// A piece is a part of a text on its way to become words.
type piece struct {
	text  string
	first bool // it begins where the input begins
}

// A preTokenizer appends the pieces of a piece.
type preTokenizer interface {
	split(dst []piece, p piece) []piece
}

// A session of a model appends the ids of a word. It serves one goroutine at a time.
type session interface {
	Append(dst []int32, word string) []int32
}

// A postProcessor adds special tokens around the ids of a text. It may keep ids.
type postProcessor interface {
	process(ids []int32) []int32
}

// A decoder changes a list of tokens; the text is what the last one leaves, joined.
type decoder interface {
	decode(tokens []string) []string
}

// An encoder holds the buffers of one Encode.
type encoder struct {
	session session
	ids     []int32
	pieces  []piece
}

// Encode returns the ids of a text; special says whether the post-processor adds its special tokens (add_special_tokens). Special
// tokens written in the text are recognized in either case. Each run of bytes that are not valid UTF-8 is taken for one U+FFFD.
func (t *Tokenizer) Encode(text string, special bool) []int32 {
	text = strings.ToValidUTF8(text, "\uFFFD")
	e := t.encoders.Get().(*encoder)
	e.ids = e.ids[:0]
	t.added.raw.split(text, func(part string, id int32, start int) {
		if id >= 0 {
			e.ids = append(e.ids, id)
		} else {
			t.encodePart(e, part, start == 0)
		}
	})
	ids := make([]int32, len(e.ids))
	copy(ids, e.ids)
	t.encoders.Put(e)
	if special && t.postProcessor != nil {
		ids = t.postProcessor.process(ids)
	}
	return ids
}

// encodePart appends the ids of what is between two added tokens; first says that it begins where the input begins.
func (t *Tokenizer) encodePart(e *encoder, part string, first bool) {
	if t.normalizer != nil {
		part = t.normalizer.normalize(part)
	}
	t.added.normalized.split(part, func(text string, id int32, start int) {
		p := piece{text, first && start == 0}
		switch {
		case id >= 0:
			e.ids = append(e.ids, id)
		case t.preTokenizer == nil:
			e.ids = e.session.Append(e.ids, text)
		default:
			e.pieces = t.preTokenizer.split(e.pieces[:0], p)
			for _, word := range e.pieces {
				if word.text != "" {
					e.ids = e.session.Append(e.ids, word.text)
				}
			}
			clear(e.pieces) // a kept encoder holds no text
		}
	})
}

// Decode returns the text of ids; skipSpecial leaves special tokens out. Ids without a token are left out, and what is not valid UTF-8
// becomes U+FFFD, one for each maximal part of a character.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		token, ok := t.Token(id)
		if !ok {
			continue
		}
		if _, special := t.added.special[token]; special && skipSpecial {
			continue
		}
		tokens = append(tokens, token)
	}
	text := strings.Join(tokens, " ")
	if t.decoder != nil {
		text = strings.Join(t.decoder.decode(tokens), "")
	}
	if t.cleanUp {
		for _, c := range cleanings {
			text = strings.ReplaceAll(text, c[0], c[1])
		}
	}
	return text
}

// cleanings is clean_up_tokenization of transformers.
var cleanings = [...][2]string{
	{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
}

// VocabSize returns one more than the greatest id.
func (t *Tokenizer) VocabSize() int { return len(t.tokens) }

// TokenID returns the id of a token as it is written in tokenizer.json.
func (t *Tokenizer) TokenID(token string) (int32, bool) {
	if id, ok := t.added.ids[token]; ok {
		return id, true
	}
	id, ok := t.ids[token]
	return id, ok
}

// Token returns the token of an id as it is written in tokenizer.json.
func (t *Tokenizer) Token(id int32) (string, bool) {
	if id < 0 || int(id) >= len(t.tokens) || !t.held[id] {
		return "", false
	}
	return t.tokens[id], true
}

// BOS returns the token that begins a text, and its id.
func (t *Tokenizer) BOS() (string, int32, bool) { return t.special("bos_token") }

// EOS returns the token that ends a text, and its id.
func (t *Tokenizer) EOS() (string, int32, bool) { return t.special("eos_token") }

func (t *Tokenizer) special(name string) (string, int32, bool) {
	token, ok := t.named[name]
	if !ok {
		return "", 0, false
	}
	id, ok := t.TokenID(token)
	return token, id, ok
}

// SpecialTokens returns the named special tokens as chat templates are given them: bos_token, eos_token, pad_token and so on, without
// those that are not set. The caller may change the map.
func (t *Tokenizer) SpecialTokens() map[string]string {
	named := make(map[string]string, len(t.named))
	for name, token := range t.named {
		named[name] = token
	}
	return named
}
