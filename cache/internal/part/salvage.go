package part

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/steelyard-ml/steelyard/internal/parquetfile"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// pairRow is what of a Value its pair id vouches for, and the flags, which come from the text alone.
type pairRow struct {
	PairID            string  `parquet:"pair_id"`
	PromptIDs         []int32 `parquet:"prompt_ids,list"`
	ChosenIDs         []int32 `parquet:"chosen_ids,list"`
	RejectedIDs       []int32 `parquet:"rejected_ids,list"`
	ChosenTruncated   bool    `parquet:"chosen_truncated"`
	RejectedTruncated bool    `parquet:"rejected_truncated"`
}

// Salvage calls each for the pairs of every row group of a part that is not what it should be: those rows that can be read and whose id is
// that of their tokens. Size and number of rows may be others than the manifest says, log-probabilities are not looked at; columns says
// whether the part has those of tokens. What cannot be read is left out; an error is of the storage or of each.
func Salvage(ctx context.Context, st storage.Store, path string, each func(columns Columns, pairs []schemas.TokenPair) error) error {
	src, err := st.Open(ctx, path)
	if errors.Is(err, storage.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer src.Close()
	file, columns := openDamaged(src)
	if file == nil {
		return nil
	}
	for _, g := range file.RowGroups() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if g.NumRows() < 1 || g.NumRows() > MaxGroupRows {
			continue
		}
		if pairs := groupPairs(g); len(pairs) > 0 {
			if err := each(columns, pairs); err != nil {
				return err
			}
		}
	}
	return nil
}

// openDamaged opens a file that has a footer and the columns of a part of values; nil if it has not.
func openDamaged(src storage.Reader) (file *parquet.File, columns Columns) {
	err := guard(func() (err error) {
		file, err = parquetfile.Open(src, src.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
		return err
	})
	if err != nil || checkCodecs(file) != nil {
		return nil, 0
	}
	switch {
	case hasSchema(file, valueSchema):
		return file, WithTokenLogps
	case hasSchema(file, sumsSchema):
		return file, SumsOnly
	}
	return nil, 0
}

// groupPairs returns the pairs of a row group whose ids vouch for them; none if a column that is needed cannot be read.
func groupPairs(g parquet.RowGroup) (out []schemas.TokenPair) {
	rows := make([]pairRow, g.NumRows())
	err := guard(func() error {
		in := parquet.NewGenericRowGroupReader[pairRow](g)
		defer in.Close()
		n, err := in.Read(rows)
		if n < len(rows) {
			return fmt.Errorf("%d rows: %w", n, errors.Join(err, io.ErrUnexpectedEOF))
		}
		return nil
	})
	if err != nil {
		return nil
	}
	for _, r := range rows {
		whole := len(r.PromptIDs) > 0 && len(r.ChosenIDs) > 0 && len(r.RejectedIDs) > 0
		if whole && KeyOf(r.PromptIDs, r.ChosenIDs, r.RejectedIDs).String() == r.PairID {
			out = append(out, schemas.TokenPair{
				ID: r.PairID, PromptIDs: r.PromptIDs, ChosenIDs: r.ChosenIDs, RejectedIDs: r.RejectedIDs,
				ChosenTruncated: r.ChosenTruncated, RejectedTruncated: r.RejectedTruncated,
			})
		}
	}
	return out
}
