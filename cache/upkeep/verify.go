package upkeep

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/steelyard-ml/steelyard/cache"
	"github.com/steelyard-ml/steelyard/cache/internal/layout"
	"github.com/steelyard-ml/steelyard/cache/internal/manifest"
	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/cache/internal/table"
	"github.com/steelyard-ml/steelyard/cache/perm"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// VerifyOptions say what Verify does beyond the files. The zero value is of use.
type VerifyOptions struct {
	// Rescore, if set, is given rows of the newest view to score again, once, when nothing else is wrong. Its error is Verify's.
	Rescore func(ctx context.Context, rows []schemas.CachedPair) error
	Sample  int    // how many rows Rescore is given; 0 means 16
	Seed    uint64 // which
	// Scratch is a local directory for tables of up to 76 bytes a row; "" is that of os.TempDir.
	Scratch string
}

// A Fault is one thing that is wrong with a cache.
type Fault struct {
	File string // its URL
	Row  int64  // in the file, from 0; -1 for the whole file
	What string
	Cure string
}

func (f Fault) String() string {
	place := f.File
	if f.Row >= 0 {
		place += fmt.Sprintf(" row %d", f.Row)
	}
	return place + ": " + f.What + "; " + f.Cure
}

// A Report is what Verify looked at and what is wrong with it.
type Report struct {
	Digest   string // of the snapshot
	Files    int
	Bytes    int64
	Rows     int64 // of values
	ViewRows int64 // of all views
	Rescored int
	Faults   []Fault // at most 100
	More     int     // faults beyond them
}

// OK reports whether nothing is wrong.
func (r Report) OK() bool { return len(r.Faults) == 0 }

const (
	maxFaults = 100

	cureCopy   = "restore it from a copy of the cache, or make the cache anew with precompute"
	cureMade   = "whatever wrote it is at fault; make the cache anew with precompute"
	cureView   = "run precompute again over the same data"
	cureNewest = "copy the newest sound file of manifests/ over it"
)

// Verify reads the newest snapshot whole and checks it against docs/format.md: digests and sizes of every file; schema, footer, counts and
// group bounds of every part; of every row its id, its counts, that values are finite and that sums are, to the bit, those of the token
// values; that keys are those of the rows; that rows which two parts hold agree; that every row of a view has a value and a source of its
// own. Files whose bytes are not what the manifest says are reported and not looked into. An error means that verifying itself failed:
// cache.ErrNoCache, ErrVersion, storage, Rescore.
func Verify(ctx context.Context, st storage.Store, o VerifyOptions) (Report, error) {
	dir, err := os.MkdirTemp(o.Scratch, "steelyard-verify-")
	if err != nil {
		return Report{}, fmt.Errorf("upkeep: verify: %w", err)
	}
	defer os.RemoveAll(dir)
	v := &verifier{st: st, dir: dir, sound: map[string]bool{}}
	if err := v.run(ctx, o); err != nil {
		return v.report, fmt.Errorf("upkeep: verify: %w", err)
	}
	return v.report, nil
}

type verifier struct {
	st     storage.Store
	dir    string
	report Report
	m      schemas.Manifest
	views  []schemas.View  // as m.Views
	sound  map[string]bool // paths whose bytes are what the manifest says
}

func (v *verifier) fault(name string, row int64, cure, format string, args ...any) {
	if len(v.report.Faults) == maxFaults {
		v.report.More++
		return
	}
	v.report.Faults = append(v.report.Faults, Fault{v.st.URL(name), row, fmt.Sprintf(format, args...), cure})
}

func (v *verifier) run(ctx context.Context, o VerifyOptions) error {
	if ok, err := v.manifests(ctx); err != nil || !ok {
		return err
	}
	for _, f := range manifest.Files(v.m) {
		if err := v.file(ctx, f); err != nil {
			return err
		}
	}
	for _, ref := range v.m.Views {
		var info schemas.View
		if v.sound[ref.Info.Path] {
			var err error
			if info, err = manifest.ReadView(ctx, v.st, ref.Info); err != nil {
				v.fault(ref.Info.Path, -1, cureMade, "%v", err)
			}
		}
		v.views = append(v.views, info)
	}
	if err := v.values(ctx); err != nil {
		return err
	}
	for i, ref := range v.m.Views {
		if err := v.view(ctx, ref, v.views[i]); err != nil {
			return err
		}
	}
	if !v.report.OK() {
		return nil // what follows reads across files
	}
	snap, err := cache.OpenDigest(ctx, v.st, v.report.Digest)
	if err != nil {
		return err
	}
	for _, ref := range v.m.Views {
		if err := v.places(ctx, snap, ref); err != nil {
			return err
		}
	}
	if !v.report.OK() || o.Rescore == nil || len(v.m.Views) == 0 {
		return nil
	}
	return v.rescore(ctx, snap, o)
}

// manifests checks the newest manifest and every snapshot's digest. It reports whether the newest can be gone by.
func (v *verifier) manifests(ctx context.Context) (bool, error) {
	b, err := layout.Get(ctx, v.st, layout.Newest)
	if errors.Is(err, storage.ErrNotExist) {
		return false, fmt.Errorf("%w: %s has no manifest.json", cache.ErrNoCache, v.st.URL(""))
	}
	if err != nil {
		return false, err
	}
	v.report.Digest = layout.Digest(b)
	snapshots, err := v.st.List(ctx, "manifests/")
	if err != nil {
		return false, err
	}
	newest := false
	for _, o := range snapshots {
		ref, err := layout.Measure(ctx, v.st, o.Name)
		if err != nil {
			return false, err
		}
		if o.Name != layout.Manifest(ref.SHA256) {
			v.fault(o.Name, -1, cureCopy, "its SHA-256 is %s, which is not its name", ref.SHA256)
		} else if ref.SHA256 == v.report.Digest {
			newest = true
		}
	}
	if !newest {
		v.fault(layout.Newest, -1, cureNewest, "its SHA-256 %s is that of no snapshot in manifests/", v.report.Digest)
		return false, nil
	}
	m, err := manifest.Decode(v.st.URL(layout.Newest), b)
	if errors.Is(err, cache.ErrDamaged) {
		v.fault(layout.Newest, -1, cureMade, "%v", err)
		return false, nil
	}
	v.m = m
	return err == nil, err
}

// file compares a file's bytes with what the manifest says.
func (v *verifier) file(ctx context.Context, f schemas.FileRef) error {
	got, err := layout.Measure(ctx, v.st, f.Path)
	switch {
	case errors.Is(err, storage.ErrNotExist):
		v.fault(f.Path, -1, cureCopy, "it is missing")
	case err != nil:
		return err
	case got.Bytes != f.Bytes:
		v.fault(f.Path, -1, cureCopy, "it has %d bytes, the manifest says %d", got.Bytes, f.Bytes)
	case got.SHA256 != f.SHA256:
		v.fault(f.Path, -1, cureCopy, "its SHA-256 is %s, the manifest says %s", got.SHA256, f.SHA256)
	case v.sound[f.Path]:
		v.fault(layout.Newest, -1, cureMade, "it names %s twice", f.Path)
	default:
		v.sound[f.Path] = true
		v.report.Files++
		v.report.Bytes += got.Bytes
	}
	return nil
}

// A twin record is pair id 16, both sums 16, part 4, row 4. Sound token values of other bits would have other sums, save by a rare chance.
const twinRecord = 40

// values checks the parts of values, and rows that several parts hold against each other.
func (v *verifier) values(ctx context.Context) error {
	scratch := filepath.Join(v.dir, "twins")
	w, err := table.Create(scratch, nil)
	if err != nil {
		return err
	}
	for n, p := range v.m.Parts {
		if !v.sound[p.Path] {
			continue
		}
		if err := v.part(ctx, n, p, w); err != nil {
			w.Close()
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	t, err := table.Map(scratch, 0, twinRecord, table.ReadWrite)
	if err != nil {
		return err
	}
	defer t.Close()
	t.Sort(0, twinRecord)
	for i := 1; i < t.Len(); i++ {
		a, b := t.Record(i-1), t.Record(i)
		if bytes.Equal(a[:16], b[:16]) && !bytes.Equal(a[16:32], b[16:32]) {
			first, second := v.m.Parts[binary.BigEndian.Uint32(a[32:])], v.m.Parts[binary.BigEndian.Uint32(b[32:])]
			v.fault(second.Path, int64(binary.BigEndian.Uint32(b[36:])), cureMade, "pair %s has other values in %s row %d", part.Key(b[:16]), v.st.URL(first.Path), binary.BigEndian.Uint32(a[36:]))
		}
	}
	return nil
}

// part checks one part of values and its keys, and adds its rows to the twins.
func (v *verifier) part(ctx context.Context, n int, p schemas.Part, twins *table.Writer) error {
	r, err := part.OpenValues(ctx, v.st, p, v.m.Fingerprint)
	if err != nil {
		v.fault(p.Path, -1, cureMade, "%v", err)
		return ctx.Err()
	}
	defer r.Close()
	var keys []part.Key
	row := int64(0)
	for g := range r.Groups() {
		rows, err := r.Read(ctx, g)
		if err != nil {
			v.fault(p.Path, row, cureMade, "%v", err)
			return ctx.Err()
		}
		size := 0
		for i := range rows {
			size += rows[i].Bytes()
			if err := rows[i].Check(); err != nil {
				v.fault(p.Path, row, cureMade, "%v", err)
			} else if k, err := part.ParseKey(rows[i].PairID); err == nil {
				keys = append(keys, k)
				if err := twins.Append(twin(k, &rows[i], n, row)); err != nil {
					return err
				}
			}
			row++
		}
		if size > part.MaxGroupBytes && len(rows) > 1 {
			v.fault(p.Path, row-int64(len(rows)), cureMade, "the row group that begins here has %d bytes of values, at most %d are allowed", size, part.MaxGroupBytes)
		}
	}
	v.report.Rows += row
	slices.SortFunc(keys, func(a, b part.Key) int { return bytes.Compare(a[:], b[:]) })
	for i := 1; i < len(keys); i++ {
		if keys[i] == keys[i-1] {
			v.fault(p.Path, -1, cureMade, "it has pair %s twice", keys[i])
		}
	}
	return v.keys(ctx, p, keys)
}

// twin is the record of a row.
func twin(k part.Key, row *part.Value, n int, at int64) []byte {
	rec := append(make([]byte, 0, twinRecord), k[:]...)
	rec = binary.BigEndian.AppendUint64(rec, math.Float64bits(row.RefChosenLogps))
	rec = binary.BigEndian.AppendUint64(rec, math.Float64bits(row.RefRejectedLogps))
	rec = binary.BigEndian.AppendUint32(rec, uint32(n))
	return binary.BigEndian.AppendUint32(rec, uint32(at))
}

// keys compares a keys file with the sorted keys of its part's rows.
func (v *verifier) keys(ctx context.Context, p schemas.Part, want []part.Key) error {
	if !v.sound[p.Keys.Path] {
		return nil
	}
	n := 0
	err := part.Keys(ctx, v.st, p.Keys, func(k part.Key) error {
		if n >= len(want) || want[n] != k {
			return fmt.Errorf("key %d, %s, is not that of a row of %s", n, k, p.Path)
		}
		n++
		return nil
	})
	if err == nil && n < len(want) {
		err = fmt.Errorf("it has %d keys, %s has %d sound rows", n, p.Path, len(want))
	}
	if err != nil {
		v.fault(p.Keys.Path, -1, cureMade, "%v", err)
	}
	return ctx.Err()
}

// view checks the parts of a view, row by row.
func (v *verifier) view(ctx context.Context, ref schemas.ViewRef, info schemas.View) error {
	sum := int64(0)
	for _, p := range ref.Parts {
		sum += p.Rows
		if !v.sound[p.Path] {
			continue
		}
		if err := v.viewPart(ctx, ref, p, info); err != nil {
			return err
		}
	}
	v.report.ViewRows += sum
	if v.sound[ref.Info.Path] && (sum != ref.Rows || info.Rows != ref.Rows || info.Name != ref.Name) {
		v.fault(ref.Info.Path, -1, cureMade, "it describes view %q of %d rows; the manifest says %q, %d, and its parts %d", info.Name, info.Rows, ref.Name, ref.Rows, sum)
	}
	return nil
}

func (v *verifier) viewPart(ctx context.Context, ref schemas.ViewRef, p schemas.ViewPart, info schemas.View) error {
	r, err := part.OpenView(ctx, v.st, p, ref.Name)
	if err != nil {
		v.fault(p.Path, -1, cureMade, "%v", err)
		return ctx.Err()
	}
	defer r.Close()
	at := int64(0)
	for g := range r.Groups() {
		rows, err := r.Read(ctx, g)
		if err != nil {
			v.fault(p.Path, at, cureMade, "%v", err)
			return ctx.Err()
		}
		for _, row := range rows {
			if _, err := part.ParseKey(row.PairID); err != nil {
				v.fault(p.Path, at, cureMade, "%v", err)
			}
			if row.SourcePos < 0 || row.SourceFile < 0 || v.sound[ref.Info.Path] && int(row.SourceFile) >= len(info.Inputs) {
				v.fault(p.Path, at, cureMade, "its source is %d:%d; the view has %d inputs", row.SourceFile, row.SourcePos, len(info.Inputs))
			}
			if row.Meta != "" && (!strings.HasPrefix(row.Meta, "{") || !json.Valid([]byte(row.Meta))) {
				v.fault(p.Path, at, cureMade, "its meta %.40q is no JSON object", row.Meta)
			}
			at++
		}
	}
	return nil
}

// places looks for the value of every row of a view.
func (v *verifier) places(ctx context.Context, snap *cache.Snapshot, ref schemas.ViewRef) error {
	return snap.CheckView(ctx, ref.Name, filepath.Join(v.dir, "index"), func(err error) {
		v.fault("views/"+ref.Name, -1, cureView, "%v", err)
	})
}

// rescore hands some rows of the newest view to whoever can score them.
func (v *verifier) rescore(ctx context.Context, snap *cache.Snapshot, o VerifyOptions) error {
	x, err := snap.Index(ctx, "", filepath.Join(v.dir, "index"))
	if err != nil {
		return err
	}
	defer x.Close()
	reader := snap.Rows(x)
	defer reader.Close()
	if o.Sample <= 0 {
		o.Sample = 16
	}
	places := perm.New(o.Seed, x.Len())
	var rows []schemas.CachedPair
	for i := range min(o.Sample, x.Len()) {
		p, err := reader.At(ctx, places.At(i))
		if err != nil {
			return err
		}
		rows = append(rows, p)
	}
	if len(rows) == 0 {
		return nil
	}
	v.report.Rescored = len(rows)
	return o.Rescore(ctx, rows)
}
