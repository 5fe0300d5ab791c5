package part

import (
	"github.com/parquet-go/parquet-go"

	"github.com/steelyard-ml/steelyard/schemas"
)

// A Value is a row of a part of values. The token columns are absent from the file, not null, where a run left them out. Ids have no
// dictionary: zstd makes real ones a fifth shorter without it, and a row that is read alone need not decode it.
type Value struct {
	PairID                string    `parquet:"pair_id"`
	PromptIDs             []int32   `parquet:"prompt_ids,list"`
	ChosenIDs             []int32   `parquet:"chosen_ids,list"`
	RejectedIDs           []int32   `parquet:"rejected_ids,list"`
	RefChosenLogps        float64   `parquet:"ref_chosen_logps"`
	RefRejectedLogps      float64   `parquet:"ref_rejected_logps"`
	RefChosenTokenLogps   []float32 `parquet:"ref_chosen_token_logps,list"`
	RefRejectedTokenLogps []float32 `parquet:"ref_rejected_token_logps,list"`
	ChosenTokens          int32     `parquet:"chosen_tokens"`
	RejectedTokens        int32     `parquet:"rejected_tokens"`
	ChosenTruncated       bool      `parquet:"chosen_truncated"`
	RejectedTruncated     bool      `parquet:"rejected_truncated"`
}

// sums is a Value without the token columns. Its field order is its column order, so it cannot be a part of Value.
type sums struct {
	PairID            string  `parquet:"pair_id"`
	PromptIDs         []int32 `parquet:"prompt_ids,list"`
	ChosenIDs         []int32 `parquet:"chosen_ids,list"`
	RejectedIDs       []int32 `parquet:"rejected_ids,list"`
	RefChosenLogps    float64 `parquet:"ref_chosen_logps"`
	RefRejectedLogps  float64 `parquet:"ref_rejected_logps"`
	ChosenTokens      int32   `parquet:"chosen_tokens"`
	RejectedTokens    int32   `parquet:"rejected_tokens"`
	ChosenTruncated   bool    `parquet:"chosen_truncated"`
	RejectedTruncated bool    `parquet:"rejected_truncated"`
}

// A ViewRow is a row of a view: which value, from where in the data set, with which other fields.
type ViewRow struct {
	PairID     string `parquet:"pair_id"`
	SourceFile int32  `parquet:"source_file"`
	SourcePos  int64  `parquet:"source_pos"`
	Meta       string `parquet:"meta"`
}

// The schemas that a file may have. The name of the root is no part of the contract.
var (
	valueSchema = parquet.NewSchema("value", parquet.SchemaOf(Value{}))
	sumsSchema  = parquet.NewSchema("value", parquet.SchemaOf(sums{}))
	viewSchema  = parquet.NewSchema("view_row", parquet.SchemaOf(ViewRow{}))
)

// FromPair returns the row of a scored pair. Slices are shared.
func FromPair(p *schemas.CachedPair) Value {
	return Value{
		PairID:                p.ID,
		PromptIDs:             p.PromptIDs,
		ChosenIDs:             p.ChosenIDs,
		RejectedIDs:           p.RejectedIDs,
		RefChosenLogps:        p.RefChosenLogps,
		RefRejectedLogps:      p.RefRejectedLogps,
		RefChosenTokenLogps:   p.RefChosenTokenLogps,
		RefRejectedTokenLogps: p.RefRejectedTokenLogps,
		ChosenTokens:          int32(len(p.ChosenIDs)),
		RejectedTokens:        int32(len(p.RejectedIDs)),
		ChosenTruncated:       p.ChosenTruncated,
		RejectedTruncated:     p.RejectedTruncated,
	}
}

// Pair returns the scored pair of a row, without source and meta, which a view has. Slices are shared.
func (v *Value) Pair() schemas.CachedPair {
	return schemas.CachedPair{
		TokenPair: schemas.TokenPair{
			ID:                v.PairID,
			PromptIDs:         v.PromptIDs,
			ChosenIDs:         v.ChosenIDs,
			RejectedIDs:       v.RejectedIDs,
			ChosenTruncated:   v.ChosenTruncated,
			RejectedTruncated: v.RejectedTruncated,
		},
		RefChosenLogps:        v.RefChosenLogps,
		RefRejectedLogps:      v.RefRejectedLogps,
		RefChosenTokenLogps:   v.RefChosenTokenLogps,
		RefRejectedTokenLogps: v.RefRejectedTokenLogps,
	}
}

func (v *Value) sums() sums {
	return sums{v.PairID, v.PromptIDs, v.ChosenIDs, v.RejectedIDs, v.RefChosenLogps, v.RefRejectedLogps,
		v.ChosenTokens, v.RejectedTokens, v.ChosenTruncated, v.RejectedTruncated}
}

// Bytes is the size of a row's values, as row groups count it: 4 bytes a token id and a token value, 58 for the scalars and the id.
func (v *Value) Bytes() int {
	return 32 + 8 + 8 + 4 + 4 + 1 + 1 + 4*(len(v.PromptIDs)+len(v.ChosenIDs)+len(v.RejectedIDs)+len(v.RefChosenTokenLogps)+len(v.RefRejectedTokenLogps))
}

// Bytes is the size of a row's values, as row groups count it.
func (r *ViewRow) Bytes() int { return 32 + 4 + 8 + len(r.Meta) }
