package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// The files of a tokenizer.
const (
	tokenizerFile = "tokenizer.json"
	configFile    = "tokenizer_config.json"
	specialFile   = "special_tokens_map.json" // of older checkpoints, as the next
	addedFile     = "added_tokens.json"
	modelFile     = "config.json" // the model's type decides the tokenizer's class
)

// ErrNoTokenizer is returned for a directory without tokenizer.json. Make one with transformers:
// AutoTokenizer.from_pretrained(dir).save_pretrained(dir).
var ErrNoTokenizer = errors.New("no tokenizer.json")

// Load reads the tokenizer of a model directory. All files but tokenizer.json may be missing. special_tokens_map.json and
// added_tokens.json count, as in transformers, only where the config has no added_tokens_decoder.
func Load(dir string) (*Tokenizer, error) {
	var f files
	for name, into := range map[string]*[]byte{
		tokenizerFile: &f.tokenizer, configFile: &f.config, specialFile: &f.special, addedFile: &f.added, modelFile: &f.model,
	} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if name == tokenizerFile && errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("tokenizer: %s: %w", dir, ErrNoTokenizer)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("tokenizer: %w", err)
		}
		*into = data
	}
	t, err := parse(f)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %s: %w", dir, err)
	}
	return t, nil
}

// Parse makes a tokenizer of the contents of tokenizer.json and tokenizer_config.json. The latter may be nil: then the ids are those of
// the crate tokenizers with tokenizer.json alone.
func Parse(tokenizerJSON, configJSON []byte) (*Tokenizer, error) {
	t, err := parse(files{tokenizer: tokenizerJSON, config: configJSON})
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	return t, nil
}

// A pipeline is tokenizer.json.
type pipeline struct {
	Version       json.RawMessage `json:"version"`
	Truncation    json.RawMessage `json:"truncation"` // see the package comment
	Padding       json.RawMessage `json:"padding"`
	AddedTokens   []addedToken    `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         json.RawMessage `json:"model"`
}

func parse(in files) (*Tokenizer, error) {
	var f pipeline
	if err := (component{raw: in.tokenizer, path: tokenizerFile}).fields(&f); err != nil {
		return nil, err
	}
	c, err := configOf(in)
	if err != nil {
		return nil, err
	}
	if p := c.plan; p != nil {
		f.Normalizer, f.PreTokenizer, f.Decoder = json.RawMessage(p.Normalizer), json.RawMessage(p.PreTokenizer), json.RawMessage(p.Decoder)
		if p.NoProcessor {
			f.PostProcessor = nil
		}
	}
	t := &Tokenizer{added: newAdded(), named: c.named}
	if t.normalizer, err = normalizerOf(component{f.Normalizer, "normalizer"}); err != nil {
		return nil, err
	}
	if t.preTokenizer, err = preTokenizerOf(component{f.PreTokenizer, "pre_tokenizer"}); err != nil {
		return nil, err
	}
	if growth(t.normalizer) >= maxGrowth {
		return nil, fmt.Errorf("normalizer: a text could become %d times as long", maxGrowth)
	}
	if first(t.preTokenizer) && shortens(t.normalizer) {
		return nil, fmt.Errorf("normalizer: it could take away what a text begins with, which is not supported with a Metaspace of prepend_scheme first")
	}
	m, err := modelOf(component{f.Model, "model"}, isByteLevel(t.preTokenizer), c)
	if err != nil {
		return nil, err
	}
	t.ids, t.cleanUp = m.vocab, c.cleanUp && !m.bpe
	t.encoders.New = func() any { return &encoder{session: m.session()} }
	if t.postProcessor, err = postProcessorOf(component{f.PostProcessor, "post_processor"}); err != nil {
		return nil, err
	}
	if t.decoder, err = decoderOf(component{f.Decoder, "decoder"}); err != nil {
		return nil, err
	}
	for i, token := range f.AddedTokens {
		switch id := int32(0); {
		case token.ID == nil:
			return nil, fmt.Errorf("added_tokens[%d]: %q has no id", i, token.Content)
		case c.plan != nil: // only those that the config adds count
		default:
			if id = t.added.add(token, t.ids); *token.ID != id {
				return nil, fmt.Errorf("added_tokens[%d]: %q must have the id %d, which is its own or the next free one", i, token.Content, id)
			}
		}
	}
	if err := c.apply(t, f.AddedTokens); err != nil {
		return nil, err
	}
	if err := t.added.index(t.normalizer); err != nil {
		return nil, err
	}
	if err := t.list(); err != nil {
		return nil, err
	}
	return t, t.checkTemplate()
}

// checkTemplate refuses special tokens of the post-processor that are none: a model has no row for them.
func (t *Tokenizer) checkTemplate() error {
	parts, _ := t.postProcessor.(template)
	for _, part := range parts {
		for _, id := range part.ids {
			if _, ok := t.Token(id); !ok {
				return fmt.Errorf("post_processor: its id %d has no token", id)
			}
		}
	}
	return nil
}

// maxGap is how many ids in a row may be without a token: more than any vocabulary pads, and small for a list.
const maxGap = 1 << 16

// list fills the tokens by id.
func (t *Tokenizer) list() error {
	top := int32(-1)
	for _, id := range t.ids {
		top = max(top, id)
	}
	for id := range t.added.tokens {
		top = max(top, id)
	}
	if int(top) > len(t.ids)+len(t.added.tokens)+maxGap {
		return fmt.Errorf("model.vocab: id %d, but there are only %d tokens", top, len(t.ids)+len(t.added.tokens))
	}
	t.tokens, t.held = make([]string, top+1), make([]bool, top+1)
	for token, id := range t.ids {
		if id < 0 {
			return fmt.Errorf("model.vocab: token %q has the id %d", token, id)
		}
		if t.held[id] {
			return fmt.Errorf("model.vocab: %q and %q have the id %d", min(token, t.tokens[id]), max(token, t.tokens[id]), id)
		}
		t.tokens[id], t.held[id] = token, true
	}
	for id, token := range t.added.tokens {
		t.tokens[id], t.held[id] = token.Content, true
		if token.Normalized && t.normalizer != nil {
			t.tokens[id] = t.normalizer.normalize(token.Content) // for the decoder to undo
		}
	}
	return nil
}
