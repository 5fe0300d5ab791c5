package upkeep

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/steelyard-ml/steelyard/cache/internal/layout"
	"github.com/steelyard-ml/steelyard/cache/internal/manifest"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// A Score gives pairs the values of a reference whose fingerprint is made: each row goes, in any order, to scored, or to refused with the
// reason why it has none. A model of another fingerprint is an error. The Source of a row stays as it is.
type Score func(ctx context.Context, made schemas.Fingerprint, rows []schemas.TokenPair, scored func(schemas.CachedPair), refused func(schemas.Quarantined)) error

// VerifyOptions say what Verify does beyond the files. The zero value is of use.
type VerifyOptions struct {
	// Score, if set, scores rows of values again, to be compared to the bit. Its error is Verify's.
	Score  Score
	Sample int    // how many rows are scored again; 0 means 16
	Seed   uint64 // which
	// Scratch is a local directory for tables of up to 40 bytes a row; "" is that of os.TempDir.
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
	Rescored int64 // rows of values that were scored again
	Faults   []Fault
	More     int // faults beyond the first 100
}

// OK reports whether nothing is wrong.
func (r Report) OK() bool { return len(r.Faults) == 0 }

const (
	maxFaults = 100

	cureScore    = "steelyard verify --repair --model DIR drops the part and scores its rows again"
	cureKeys     = "steelyard verify --repair writes it again"
	cureOld      = "steelyard verify --repair drops the view"
	cureNewest   = "it is the newest view, which training reads: run precompute again over the same data, and then steelyard verify --repair, which drops this one"
	cureMissing  = "run precompute again over the same data, which scores what is missing"
	cureSnapshot = "steelyard verify --repair removes it or, where it is the newest, puts it back"
	cureManifest = "steelyard verify --repair puts the newest sound snapshot in its place"
	cureRecord   = "steelyard verify --repair writes what is known of the run in its place"
	cureMade     = "whatever wrote it is at fault; make the cache anew with precompute"
)

// Verify reads the newest snapshot whole and checks it against docs/format.md: digests and sizes of every file; schema, footer, counts and
// group bounds of every part; of every row its id, its counts, that values are finite and that sums are, to the bit, those of the token
// values; that keys are those of the rows; that rows which two parts hold agree; that every row of a view has a value and a source of its
// own; that older snapshots are what their names say, and that records of runs can be read. Files whose bytes are not what the manifest says
// are reported and not looked into. An error means that verifying itself failed: cache.ErrNoCache, ErrVersion, storage, Score.
func Verify(ctx context.Context, st storage.Store, o VerifyOptions) (Report, error) {
	v, err := verify(ctx, st, o)
	if err != nil {
		return v.report, fmt.Errorf("upkeep: verify: %w", err)
	}
	return v.report, nil
}

// verify returns what it found, also beside an error.
func verify(ctx context.Context, st storage.Store, o VerifyOptions) (*verifier, error) {
	v := &verifier{st: st, sound: map[string]bool{}, wrong: map[string]string{}}
	dir, err := os.MkdirTemp(o.Scratch, "steelyard-verify-")
	if err != nil {
		return v, err
	}
	defer os.RemoveAll(dir)
	v.dir = dir
	return v, v.run(ctx, o)
}

type verifier struct {
	st     storage.Store
	dir    string // for tables
	report Report
	m      schemas.Manifest
	read   bool              // whether m could be read, and so all else
	views  []schemas.View    // as m.Views
	sound  map[string]bool   // paths whose bytes are what the manifest says
	wrong  map[string]string // what was first found wrong with a file, by path; with a view, by that of its description
}

func (v *verifier) fault(name string, row int64, cure, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	v.mark(name, what)
	if len(v.report.Faults) == maxFaults {
		v.report.More++
		return
	}
	v.report.Faults = append(v.report.Faults, Fault{v.st.URL(name), row, what, cure})
}

// mark notes that something is wrong with a file.
func (v *verifier) mark(name, what string) {
	if v.wrong[name] == "" {
		v.wrong[name] = what
	}
}

func (v *verifier) run(ctx context.Context, o VerifyOptions) error {
	if err := v.manifests(ctx); err != nil || !v.read {
		return err
	}
	if err := v.records(ctx); err != nil {
		return err
	}
	for _, p := range v.m.Parts {
		if err := errors.Join(v.file(ctx, p.FileRef, cureScore), v.file(ctx, p.Keys, cureKeys)); err != nil {
			return err
		}
	}
	if err := v.values(ctx); err != nil {
		return err
	}
	for i := range v.m.Views {
		if err := v.view(ctx, i); err != nil {
			return err
		}
	}
	return v.rescore(ctx, o)
}

// manifests checks the newest manifest and every snapshot's digest, and whether the newest can be gone by.
func (v *verifier) manifests(ctx context.Context) error {
	b, err := layout.Get(ctx, v.st, layout.Newest)
	missing := errors.Is(err, storage.ErrNotExist)
	if err != nil && !missing {
		return err
	}
	all, err := readSnapshots(ctx, v.st, func(path, what string) { v.fault(path, -1, cureSnapshot, "%s", what) })
	switch {
	case err != nil:
		return err
	case missing && len(all) == 0:
		return noCache(v.st)
	case missing:
		v.fault(layout.Newest, -1, cureManifest, "it is missing, and manifests/ has %d snapshots", len(all))
		return nil
	}
	v.report.Digest = layout.Digest(b)
	if _, ok := all[v.report.Digest]; !ok {
		v.fault(layout.Newest, -1, cureManifest, "its SHA-256 %s is that of no snapshot in manifests/", v.report.Digest)
		return nil
	}
	v.m, err = manifest.Decode(v.st.URL(layout.Newest), b)
	v.read = err == nil
	return err
}

// records checks that the records of runs can be read: a run that begins does.
func (v *verifier) records(ctx context.Context) error {
	objects, err := v.st.List(ctx, "runs/")
	if err != nil {
		return err
	}
	for _, o := range objects {
		var r schemas.Run
		err := layout.GetJSON(ctx, v.st, o.Name, &r)
		switch {
		case errors.Is(err, layout.ErrDamaged):
			v.fault(o.Name, -1, cureRecord, "%v", err)
		case err != nil:
			return err
		case layout.Run(r.ID) != o.Name:
			v.fault(o.Name, -1, cureRecord, "it is the record of %.100q", r.ID)
		}
	}
	return nil
}

// file compares a file's bytes with what the manifest says.
func (v *verifier) file(ctx context.Context, f schemas.FileRef, cure string) error {
	got, err := layout.Measure(ctx, v.st, f.Path)
	switch {
	case errors.Is(err, storage.ErrNotExist):
		v.fault(f.Path, -1, cure, "it is missing")
	case err != nil:
		return err
	case got.Bytes != f.Bytes:
		v.fault(f.Path, -1, cure, "it has %d bytes, the manifest says %d", got.Bytes, f.Bytes)
	case got.SHA256 != f.SHA256:
		v.fault(f.Path, -1, cure, "its SHA-256 is %s, the manifest says %s", got.SHA256, f.SHA256)
	case v.sound[f.Path]:
		v.fault(layout.Newest, -1, cureMade, "it names %s twice", f.Path)
	default:
		v.sound[f.Path] = true
		v.report.Files++
		v.report.Bytes += got.Bytes
	}
	return nil
}
