package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/steelyard-ml/steelyard/model/checkpoint"
	"github.com/steelyard-ml/steelyard/pairs"
	"github.com/steelyard-ml/steelyard/transforms/tokenize"
)

// dataOptions say which pairs are read and how they become tokens: what precompute and tokenize share.
type dataOptions struct {
	Model string   `yaml:"model" usage:"model directory (config.json, model.safetensors, tokenizer.json)"`
	Pairs []string `yaml:"pairs" usage:"files, globs or directories of preference pairs: JSONL, JSON, Parquet, also .gz and .zst"`

	Format      string            `yaml:"format" usage:"layout of the rows: auto, text, chat, sharegpt, alpaca, hh, tokens"`
	Columns     map[string]string `yaml:"columns" usage:"other names of columns, as prompt=question"`
	Limit       int64             `yaml:"limit" usage:"read only the first rows; 0: all"`
	MaxRowBytes int               `yaml:"max_row_bytes" usage:"quarantine larger rows"`
	Meta        string            `yaml:"meta" usage:"which other columns the view keeps: all, none, or names"`

	MaxLength     int    `yaml:"max_length" usage:"tokens of prompt and completion together; longer ones are cut at the end; 0: never"`
	Boundary      string `yaml:"boundary" usage:"a prompt that is no token prefix: diverge (as TRL) or strict (quarantine)"`
	ChatTemplate  string `yaml:"chat_template" usage:"file with a chat template to use in place of the model's"`
	TemplateDate  string `yaml:"template_date" usage:"the day that chat templates take for today, as 2006-01-31; default: today"`
	DropIdentical bool   `yaml:"drop_identical" usage:"quarantine pairs whose completions have the same tokens"`
}

func defaultDataOptions() dataOptions {
	return dataOptions{
		Format: string(pairs.FormatAuto), MaxRowBytes: pairs.DefaultMaxRowBytes, Meta: string(pairs.MetaAll),
		MaxLength: 1024, Boundary: string(tokenize.Diverge),
	}
}

func (o *dataOptions) reader() pairs.Options {
	return pairs.Options{Format: pairs.Format(o.Format), Columns: o.Columns, MaxRowBytes: o.MaxRowBytes, Meta: pairs.MetaPolicy(o.Meta), Limit: o.Limit}
}

// encoder returns the options of tokenization, the chat template read from its file. It knows no model's limits yet.
func (o *dataOptions) encoder() (tokenize.Options, error) {
	t := tokenize.Options{
		Tokenizer: o.Model, Date: o.TemplateDate, MaxLength: o.MaxLength, Boundary: tokenize.Boundary(o.Boundary), Identical: tokenize.Keep,
	}
	if t.Date == "" {
		t.Date = time.Now().UTC().Format(time.DateOnly)
	}
	if o.DropIdentical {
		t.Identical = tokenize.Drop
	}
	var err error
	t.Template, err = readTemplate(o.ChatTemplate)
	return t, err
}

// readTemplate reads the file of a chat template; "" is no file.
func readTemplate(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("chat_template: %w", err)
	}
	return string(text), nil
}

// checked is encoder, or every fault of the options that can be seen without reading data.
func (o *dataOptions) checked() (tokenize.Options, error) {
	t, err := o.encoder()
	if err == nil {
		err = t.Validate()
	}
	if err := errors.Join(o.reader().Validate(), err); err != nil {
		return t, usageError{err}
	}
	return t, nil
}

// limits are a model's vocabulary and positions, or 0, 0 for a directory that holds tokenizer files alone.
func limits(dir string) (vocab, positions int, err error) {
	if _, err := os.Stat(filepath.Join(dir, "config.json")); errors.Is(err, os.ErrNotExist) {
		return 0, 0, nil
	}
	c, err := checkpoint.ReadConfig(dir)
	if err != nil {
		return 0, 0, err
	}
	return c.Vocab, c.MaxPositions, nil
}
