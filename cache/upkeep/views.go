package upkeep

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/cache/internal/manifest"
	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/cache/internal/table"
	"github.com/steelyard-ml/steelyard/schemas"
)

// A place record is pair id 16, source file 4, source position 8, and a byte that is 1 where a part has the pair.
const placeRecord = 29

// view checks view i: its description, its parts, row by row, and that each row has a value and a source of its own.
func (v *verifier) view(ctx context.Context, i int) error {
	ref, cure := v.m.Views[i], cureOld
	if i == len(v.m.Views)-1 {
		cure = cureNewest
	}
	if err := v.file(ctx, ref.Info, cure); err != nil {
		return err
	}
	info := schemas.View{}
	if v.sound[ref.Info.Path] {
		var err error
		if info, err = manifest.ReadView(ctx, v.st, ref.Info); err != nil {
			v.fault(ref.Info.Path, -1, cure, "%v", err)
		}
	}
	v.views = append(v.views, info)

	scratch := filepath.Join(v.dir, "places")
	w, err := table.Create(scratch, nil)
	if err != nil {
		return err
	}
	defer w.Close() // a second time does no harm
	sum := int64(0)
	for _, p := range ref.Parts {
		sum += p.Rows
		if err := v.file(ctx, p.FileRef, cure); err != nil {
			return err
		}
		if v.sound[p.Path] {
			if err := v.viewPart(ctx, i, p, cure, w); err != nil {
				return err
			}
		}
		if what := v.wrong[p.Path]; what != "" {
			v.mark(ref.Info.Path, fmt.Sprintf("%s: %s", p.Path, what))
		}
	}
	v.report.ViewRows += sum
	if v.sound[ref.Info.Path] && (sum != ref.Rows || info.Rows != ref.Rows || info.Name != ref.Name) {
		v.fault(ref.Info.Path, -1, cure, "it describes view %q of %d rows; the manifest says %q, %d, and its parts %d", info.Name, info.Rows, ref.Name, ref.Rows, sum)
	}
	if err := w.Close(); err != nil {
		return err
	}
	t, err := table.Map(scratch, 0, placeRecord, table.ReadWrite)
	if err != nil {
		return err
	}
	defer t.Close()
	v.sources(t, i, cure)
	return v.places(ctx, t, i)
}

// viewPart checks a part of view i and adds its rows to the places.
func (v *verifier) viewPart(ctx context.Context, i int, p schemas.ViewPart, cure string, places *table.Writer) error {
	ref, info := v.m.Views[i], v.views[i]
	r, err := part.OpenView(ctx, v.st, p, ref.Name)
	if err != nil {
		v.fault(p.Path, -1, cure, "%v", err)
		return ctx.Err()
	}
	defer r.Close()
	at := int64(0)
	for g := range r.Groups() {
		rows, err := r.Read(ctx, g)
		if err != nil {
			v.fault(p.Path, at, cure, "%v", err)
			return ctx.Err()
		}
		for _, row := range rows {
			k, err := part.ParseKey(row.PairID)
			if err != nil {
				v.fault(p.Path, at, cure, "%v", err)
			}
			if row.SourcePos < 0 || row.SourceFile < 0 || v.wrong[ref.Info.Path] == "" && int(row.SourceFile) >= len(info.Inputs) {
				v.fault(p.Path, at, cure, "its source is %d:%d; the view has %d inputs", row.SourceFile, row.SourcePos, len(info.Inputs))
			}
			if row.Meta != "" && (!strings.HasPrefix(row.Meta, "{") || !json.Valid([]byte(row.Meta))) {
				v.fault(p.Path, at, cure, "its meta %.40q is no JSON object", row.Meta)
			}
			rec := append(make([]byte, 0, placeRecord), k[:]...)
			rec = binary.BigEndian.AppendUint32(rec, uint32(row.SourceFile))
			rec = binary.BigEndian.AppendUint64(rec, uint64(row.SourcePos))
			if err := places.Append(append(rec, 0)); err != nil {
				return err
			}
			at++
		}
	}
	return nil
}

// sources looks for rows of view i that cannot be told from one another by their source.
func (v *verifier) sources(t *table.Table, i int, cure string) {
	t.Sort(16, 28)
	for k := 1; k < t.Len(); k++ {
		if bytes.Equal(t.Record(k - 1)[16:28], t.Record(k)[16:28]) {
			v.fault(v.m.Views[i].Info.Path, -1, cure, "two rows of the view have the source %s", v.source(i, t.Record(k)))
			return
		}
	}
}

// places looks for the pair of every row of view i among the keys of all parts. If those of a part are not sound it looks for none: which
// pairs there are is not known.
func (v *verifier) places(ctx context.Context, t *table.Table, i int) error {
	t.Sort(0, 28)
	for _, p := range v.m.Parts {
		if v.wrong[p.Keys.Path] != "" {
			return nil
		}
		at := 0
		err := part.Keys(ctx, v.st, p.Keys, func(k part.Key) error {
			// Both ascend: at is the first record that does not come before k. Far apart they are searched, close together walked.
			if at < t.Len() && bytes.Compare(t.Record(at)[:16], k[:]) < 0 {
				at = t.Search(k[:])
			}
			for ; at < t.Len() && bytes.Equal(t.Record(at)[:16], k[:]); at++ {
				t.Record(at)[28] = 1
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	missing := 0
	var first [][]byte // the least of their sources
	for k := range t.Len() {
		rec := t.Record(k)
		if rec[28] == 1 {
			continue
		}
		missing++
		bySource := func(a, b []byte) int { return bytes.Compare(a[16:28], b[16:28]) }
		n, _ := slices.BinarySearchFunc(first, rec, bySource)
		first = slices.Insert(first, n, rec)
		first = first[:min(len(first), 3)]
	}
	if missing == 0 {
		return nil
	}
	var from []string
	for _, rec := range first {
		from = append(from, fmt.Sprintf("%s (pair %s)", v.source(i, rec), part.Key(rec[:16])))
	}
	if missing > len(first) {
		from = append(from, "…")
	}
	v.fault("views/"+v.m.Views[i].Name, -1, cureMissing, "%d of its %d rows are of pairs in no part: %s", missing, t.Len(), strings.Join(from, ", "))
	return nil
}

// source says where a row of view i comes from: path:position.
func (v *verifier) source(i int, rec []byte) string {
	file, pos := binary.BigEndian.Uint32(rec[16:]), binary.BigEndian.Uint64(rec[20:])
	if inputs := v.views[i].Inputs; int(file) < len(inputs) {
		return fmt.Sprintf("%s:%d", inputs[file].Path, pos)
	}
	return fmt.Sprintf("%d:%d", file, pos)
}
