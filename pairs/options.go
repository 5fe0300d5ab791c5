package pairs

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// A Format names the layout of the rows. Example: "sharegpt". The zero value recognises each row by its columns.
type Format string

// The formats; the package comment describes them.
const (
	FormatAuto     Format = "auto"
	FormatText     Format = "text"
	FormatChat     Format = "chat"
	FormatShareGPT Format = "sharegpt"
	FormatAlpaca   Format = "alpaca"
	FormatHH       Format = "hh"
	FormatTokens   Format = "tokens"
)

// Formats lists every format, for messages and help.
var Formats = []Format{FormatAuto, FormatText, FormatChat, FormatShareGPT, FormatAlpaca, FormatHH, FormatTokens}

// A MetaPolicy says which of a row's other fields travel in Pair.Meta: "all" (the zero value means that too), "none", or names
// separated by commas. Example: "score_chosen,source".
type MetaPolicy string

// The policies that are no list of names.
const (
	MetaAll  MetaPolicy = "all"
	MetaNone MetaPolicy = "none"
)

// keeps reports whether the policy keeps the field of that name.
func (m MetaPolicy) keeps(name string) bool {
	switch m {
	case "", MetaAll:
		return true
	case MetaNone:
		return false
	}
	for field := range strings.SplitSeq(string(m), ",") {
		if strings.TrimSpace(field) == name {
			return true
		}
	}
	return false
}

// Names of the columns that layouts are made of, as Options.Columns knows them.
const (
	colPrompt        = "prompt"
	colChosen        = "chosen"
	colRejected      = "rejected"
	colConversations = "conversations"
	colMessages      = "messages"
	colInstruction   = "instruction"
	colInput         = "input"
	colHistory       = "history"
	colSystem        = "system"
	colTools         = "tools"
	colTemplateArgs  = "chat_template_kwargs"
	colPromptIDs     = "prompt_ids"
	colChosenIDs     = "chosen_ids"
	colRejectedIDs   = "rejected_ids"
)

// ColumnNames lists the names that may stand left in Options.Columns.
var ColumnNames = []string{
	colPrompt, colChosen, colRejected, colConversations, colMessages, colInstruction, colInput, colHistory,
	colSystem, colTools, colTemplateArgs, colPromptIDs, colChosenIDs, colRejectedIDs,
}

// DefaultMaxRowBytes is the size beyond which a row goes to quarantine: 16 MiB.
const DefaultMaxRowBytes = 16 << 20

// Options of a data set. The zero value recognises every layout and keeps everything.
type Options struct {
	// Format is the layout of all rows; "" and "auto" recognise it row by row.
	Format Format
	// Columns maps our names to the data's, e.g. {"prompt": "question"}. A column that is mapped is never looked for under our name.
	Columns map[string]string
	// MaxRowBytes is the most bytes a row may have, as JSON; in Parquet, its values. 0 means DefaultMaxRowBytes.
	MaxRowBytes int
	// Meta says which of the other fields are kept.
	Meta MetaPolicy
	// Limit, when positive, plans only the first rows of the data set, in order; blank lines are no rows, bad rows are.
	Limit int64
}

func (o Options) withDefaults() Options {
	if o.Format == "" {
		o.Format = FormatAuto
	}
	if o.MaxRowBytes == 0 {
		o.MaxRowBytes = DefaultMaxRowBytes
	}
	return o
}

// Validate joins all faults of the options, each starting with the field's name.
func (o Options) Validate() error {
	o = o.withDefaults()
	var faults []error
	if !slices.Contains(Formats, o.Format) {
		faults = append(faults, fmt.Errorf("format: %q is none of %v", o.Format, Formats))
	}
	if o.MaxRowBytes < 0 {
		faults = append(faults, fmt.Errorf("max_row_bytes: %d is negative", o.MaxRowBytes))
	}
	if o.Limit < 0 {
		faults = append(faults, fmt.Errorf("limit: %d is negative; 0 means all rows", o.Limit))
	}
	names := make([]string, 0, len(o.Columns))
	for name := range o.Columns {
		names = append(names, name)
	}
	sort.Strings(names)
	ours := map[string]string{}
	for _, name := range names {
		if other, ok := ours[o.Columns[name]]; ok {
			faults = append(faults, fmt.Errorf("columns: %q is mapped to both %s and %s; a column is read once", o.Columns[name], other, name))
		}
		ours[o.Columns[name]] = name
		if !slices.Contains(ColumnNames, name) {
			faults = append(faults, fmt.Errorf("columns: %q is no column of ours; they are %s", name, strings.Join(ColumnNames, ", ")))
		}
		if o.Columns[name] == "" {
			faults = append(faults, fmt.Errorf("columns: %q is mapped to nothing", name))
		}
	}
	return errors.Join(faults...)
}
