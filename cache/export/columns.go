package export

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/schemas"
)

// inputs are the columns that TRL's DPOTrainer takes, under its names.
type inputs struct {
	PromptIDs        []int32 `parquet:"prompt_ids,list" parquet-element:",dict"`
	ChosenIDs        []int32 `parquet:"chosen_ids,list" parquet-element:",dict"`
	RejectedIDs      []int32 `parquet:"rejected_ids,list" parquet-element:",dict"`
	RefChosenLogps   float64 `parquet:"ref_chosen_logps"`
	RefRejectedLogps float64 `parquet:"ref_rejected_logps"`
}

// tokenLogps are the columns of the values of single tokens.
type tokenLogps struct {
	RefChosenTokenLogps   []float32 `parquet:"ref_chosen_token_logps,list"`
	RefRejectedTokenLogps []float32 `parquet:"ref_rejected_token_logps,list"`
}

// facts are the columns that say what a row is and where it came from.
type facts struct {
	ChosenTokens      int32  `parquet:"chosen_tokens"`
	RejectedTokens    int32  `parquet:"rejected_tokens"`
	ChosenTruncated   bool   `parquet:"chosen_truncated"`
	RejectedTruncated bool   `parquet:"rejected_truncated"`
	PairID            string `parquet:"pair_id"`
	SourcePath        string `parquet:"source_path,dict"`
	SourcePos         int64  `parquet:"source_pos"`
	Meta              string `parquet:"meta"`
}

// A sumsRow is a row of an export without the token columns, a fullRow one with them.
type (
	sumsRow struct {
		inputs
		facts
	}
	fullRow struct {
		inputs
		tokenLogps
		facts
	}
)

// A joined row is a row of a view with its value.
type joined struct {
	schemas.CachedPair
	path string // of its input
}

func (j *joined) inputs() inputs {
	return inputs{j.PromptIDs, j.ChosenIDs, j.RejectedIDs, j.RefChosenLogps, j.RefRejectedLogps}
}

func (j *joined) facts() facts {
	return facts{int32(len(j.ChosenIDs)), int32(len(j.RejectedIDs)), j.ChosenTruncated, j.RejectedTruncated, j.ID, j.path, j.Source.Pos, j.Meta}
}

func (j *joined) sums() sumsRow { return sumsRow{j.inputs(), j.facts()} }

func (j *joined) full() fullRow {
	return fullRow{j.inputs(), tokenLogps{j.RefChosenTokenLogps, j.RefRejectedTokenLogps}, j.facts()}
}

// tokens is the number of the row's token ids.
func (j *joined) tokens() int { return len(j.PromptIDs) + len(j.ChosenIDs) + len(j.RejectedIDs) }

// bytes is the size of the row's values: 4 bytes a token id and a token value, 66 for the numbers, flags and the id, and the texts.
func (j *joined) bytes() int {
	return 66 + 4*(j.tokens()+len(j.RefChosenTokenLogps)+len(j.RefRejectedTokenLogps)) + len(j.path) + len(j.Meta)
}

// Keys of the footer's key-value metadata.
const (
	metaKind        = "steelyard.kind" // "export"
	metaSnapshot    = "steelyard.snapshot"
	metaView        = "steelyard.view"
	metaDistinct    = "steelyard.distinct"    // "true" where repeats are left out
	metaFingerprint = "steelyard.fingerprint" // of the values: the items as a JSON array
	metaTokens      = "steelyard.tokens"      // how text became ids, likewise
)

// options are those of a file that is made of a view.
func options(s *cache.Snapshot, view schemas.View, distinct bool) ([]parquet.WriterOption, error) {
	fingerprint, err := json.Marshal(s.Manifest().Fingerprint)
	if err != nil {
		return nil, err
	}
	tokens, err := json.Marshal(view.Tokens)
	if err != nil {
		return nil, err
	}
	return []parquet.WriterOption{
		parquet.KeyValueMetadata(metaKind, "export"),
		parquet.KeyValueMetadata(metaSnapshot, s.Digest()),
		parquet.KeyValueMetadata(metaView, view.Name),
		parquet.KeyValueMetadata(metaDistinct, strconv.FormatBool(distinct)),
		parquet.KeyValueMetadata(metaFingerprint, string(fingerprint)),
		parquet.KeyValueMetadata(metaTokens, string(tokens)),
		parquet.CreatedBy("steelyard", fmt.Sprint(schemas.FormatVersion), ""),
		parquet.Compression(&zstd.Codec{}),
	}, nil
}
