package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/steelyard-ml/steelyard/cache/internal/layout"
	"github.com/steelyard-ml/steelyard/cache/internal/part"
	"github.com/steelyard-ml/steelyard/schemas"
	"github.com/steelyard-ml/steelyard/storage"
)

// Options of a Sink. Run and Fingerprint are needed; zero elsewhere means the default.
type Options struct {
	Run         string
	Fingerprint schemas.Fingerprint
	// RowGroupRows and RowGroupBytes bound a row group; 0 means, and more is lowered to, 1,024 rows and 8 MiB of values.
	RowGroupRows  int
	RowGroupBytes int
	// PartRows bounds a part, and RollEvery the time of work that goes into a part of values: what a killed run loses at most. 0 means
	// 65,536 rows and 60 s.
	PartRows  int64
	RollEvery time.Duration
	// TokenLogps keeps the value of each completion token. Without it parts have no token columns at all (not columns of nulls), and
	// what needs them refuses the cache by name.
	TokenLogps bool
}

func (o Options) withDefaults() Options {
	if o.RowGroupRows <= 0 {
		o.RowGroupRows = part.MaxGroupRows
	}
	if o.RowGroupBytes <= 0 {
		o.RowGroupBytes = part.MaxGroupBytes
	}
	if o.PartRows <= 0 {
		o.PartRows = 1 << 16
	}
	if o.RollEvery <= 0 {
		o.RollEvery = time.Minute
	}
	return o
}

func (o Options) validate() error {
	var faults []error
	if err := layout.CheckRun(o.Run); err != nil {
		faults = append(faults, fmt.Errorf("run: %w", err))
	}
	if len(o.Fingerprint) == 0 {
		faults = append(faults, errors.New("fingerprint: it is empty; a cache must know what it was made of"))
	}
	return errors.Join(faults...)
}

func (o Options) bounds() part.Bounds {
	return part.Bounds{Rows: o.RowGroupRows, Bytes: o.RowGroupBytes}
}

func (o Options) columns() part.Columns {
	if o.TokenLogps {
		return part.WithTokenLogps
	}
	return part.SumsOnly
}

// A Sink writes what one bundle made, below tmp/<run>/ under names that no other sink uses: parts of values, of the view and of
// quarantine, each begun with its first row. Use it from one goroutine. After an error only Abort is left.
//
// A part of values that is closed gets a receipt beside it, so that it counts even if the run dies.
type Sink struct {
	st    storage.Store
	o     Options
	clock func() time.Time
	err   error // the first error; of the options at first

	values *opened[*part.Values]
	began  time.Time // when the work for values began
	last   time.Time // when a value came last
	view   *opened[*part.Writer[part.ViewRow]]
	bad    *opened[*part.Lines]
	done   Done
}

// opened is a file that is being written, and what will be said of it.
type opened[W any] struct {
	w      W
	staged Staged
}

// NewSink returns a sink that has written nothing yet. Options that are wrong are the error of its first use.
func NewSink(st storage.Store, o Options) *Sink {
	s := &Sink{st: st, o: o.withDefaults(), clock: time.Now}
	s.began = s.clock()
	s.last = s.began
	if err := o.validate(); err != nil {
		s.err = fmt.Errorf("cache: sink: %w", err)
	}
	return s
}

// Write adds a scored pair: its value, once an ID in a part, and a row of the view. A pair whose id, sums or counts are not those of its
// tokens is an error, and so is a value that is not finite: such a row belongs in Quarantine.
func (s *Sink) Write(ctx context.Context, p schemas.CachedPair) error {
	return s.do("write", func() error {
		if err := s.value(ctx, &p); err != nil {
			return err
		}
		return s.viewRow(ctx, &p.TokenPair, Tally{})
	})
}

// Value is Write without the row of the view: for a pair that takes the place of one in a damaged part.
func (s *Sink) Value(ctx context.Context, p schemas.CachedPair) error {
	return s.do("write", func() error { return s.value(ctx, &p) })
}

// Reuse adds a pair whose value the cache has already: a row of the view and no more.
func (s *Sink) Reuse(ctx context.Context, p schemas.TokenPair) error {
	return s.do("write", func() error { return s.viewRow(ctx, &p, Tally{Reused: 1}) })
}

// do runs a step and remembers its error.
func (s *Sink) do(op string, step func() error) error {
	if s.err == nil {
		if err := step(); err != nil {
			s.err = fmt.Errorf("cache: %s: %w", op, err)
		}
	}
	return s.err
}

func (s *Sink) value(ctx context.Context, p *schemas.CachedPair) error {
	v, src := part.FromPair(p), p.Source
	if err := v.Check(); err != nil {
		return err
	}
	if s.o.TokenLogps && len(p.RefChosenTokenLogps) == 0 {
		return fmt.Errorf("pair %s has no token values; give them, or leave the token columns out", p.ID)
	}
	k, err := part.ParseKey(v.PairID)
	if err != nil {
		return err
	}
	now := s.clock()
	// Values come in bursts, one a batch. A part that would be too old by the time of the next burst is closed with this one.
	late := now.Sub(s.began)+now.Sub(s.last) > s.o.RollEvery
	burst := s.last // when the work on this row began, unless other rows of its batch came before
	s.last = now
	if o := s.values; o != nil && (o.w.Rows() >= s.o.PartRows || o.w.Full() || late) {
		if err := s.closeValues(ctx); err != nil {
			return err
		}
		s.began = burst
	}
	if s.values == nil {
		staged := Staged{Name: unique(), First: src}
		w, err := part.CreateValues(ctx, s.st, s.staged(layout.KindValues, staged), s.staged(layout.KindKeys, staged),
			part.Footer{Run: s.o.Run, Fingerprint: s.o.Fingerprint}, s.o.bounds(), s.o.columns())
		if err != nil {
			return err
		}
		s.values = &opened[*part.Values]{w, staged}
	}
	o := s.values
	if o.w.Has(k) {
		return nil
	}
	o.staged.add(src, Tally{
		Scored:           1,
		Tokens:           int64(len(v.PromptIDs) + len(v.ChosenIDs) + len(v.RejectedIDs)),
		CompletionTokens: int64(len(v.ChosenIDs) + len(v.RejectedIDs)),
	})
	return o.w.Write(k, v)
}

// staged is where a file of a part that is not committed lies.
func (s *Sink) staged(k layout.Kind, p Staged) string { return layout.Staged(s.o.Run, k, p.Name) }

func (s *Sink) viewRow(ctx context.Context, p *schemas.TokenPair, t Tally) error {
	if p.Source.File < 0 || p.Source.Pos < 0 {
		return fmt.Errorf("pair %s has the source %d:%d; file and position count from 0", p.ID, p.Source.File, p.Source.Pos)
	}
	if o := s.view; o != nil && (o.staged.Rows >= s.o.PartRows || o.w.Full()) {
		if err := s.closeView(); err != nil {
			return err
		}
	}
	if s.view == nil {
		staged := Staged{Name: unique(), First: p.Source}
		w, err := part.CreateView(ctx, s.st, s.staged(layout.KindView, staged), part.Footer{Run: s.o.Run}, s.o.bounds())
		if err != nil {
			return err
		}
		s.view = &opened[*part.Writer[part.ViewRow]]{w, staged}
	}
	row := part.ViewRow{PairID: p.ID, SourceFile: p.Source.File, SourcePos: p.Source.Pos, Meta: p.Meta}
	t.Rows = 1
	t.Truncated = one(p.ChosenTruncated || p.RejectedTruncated)
	t.Identical = one(slices.Equal(p.ChosenIDs, p.RejectedIDs))
	t.Diverged = one(p.Diverged)
	s.view.staged.add(p.Source, t)
	return s.view.w.Write(row, row.Bytes())
}

// Quarantine adds a row that was not scored.
func (s *Sink) Quarantine(ctx context.Context, q schemas.Quarantined) error {
	return s.do("quarantine", func() error {
		if s.bad != nil && s.bad.staged.Rows >= s.o.PartRows {
			if err := s.closeBad(); err != nil {
				return err
			}
		}
		if s.bad == nil {
			staged := Staged{Name: unique(), First: q.Source}
			w, err := part.CreateLines(ctx, s.st, s.staged(layout.KindQuarantine, staged))
			if err != nil {
				return err
			}
			s.bad = &opened[*part.Lines]{w, staged}
		}
		s.bad.staged.add(q.Source, Tally{Quarantined: []CodeCount{{q.Code, 1}}})
		return s.bad.w.Write(q)
	})
}

// Close publishes everything and returns its names. A sink that was given nothing makes nothing.
func (s *Sink) Close(ctx context.Context) (Done, error) {
	err := s.do("close", func() error {
		if s.values != nil {
			if err := s.closeValues(ctx); err != nil {
				return err
			}
		}
		if s.view != nil {
			if err := s.closeView(); err != nil {
				return err
			}
		}
		if s.bad != nil {
			return s.closeBad()
		}
		return nil
	})
	if err != nil {
		s.Abort()
		return Done{}, err
	}
	s.err = errors.New("cache: the sink is closed")
	return s.done, nil
}

func (s *Sink) closeValues(ctx context.Context) error {
	o := s.values
	s.values = nil
	ref, keys, err := o.w.Close(ctx)
	if err != nil {
		return err
	}
	staged := o.staged.closed(ref)
	staged.KeysBytes, staged.KeysSHA256 = keys.Bytes, keys.SHA256
	if err := layout.PutJSON(ctx, s.st, s.staged(layout.KindReceipt, staged), staged); err != nil {
		return err
	}
	s.done.Values = append(s.done.Values, staged)
	return nil
}

func (s *Sink) closeView() error {
	o := s.view
	s.view = nil
	ref, _, err := o.w.Close()
	if err != nil {
		return err
	}
	s.done.Views = append(s.done.Views, o.staged.closed(ref))
	return nil
}

func (s *Sink) closeBad() error {
	o := s.bad
	s.bad = nil
	ref, err := o.w.Close()
	if err != nil {
		return err
	}
	s.done.Quarantine = append(s.done.Quarantine, o.staged.closed(ref))
	return nil
}

// Abort drops what is open. Parts that were closed stay below tmp/<run>/, where a later run may adopt them. After Close it does nothing.
func (s *Sink) Abort() {
	if s.values != nil {
		s.values.w.Abort()
	}
	if s.view != nil {
		s.view.w.Abort()
	}
	if s.bad != nil {
		s.bad.w.Abort()
	}
	s.values, s.view, s.bad = nil, nil, nil
	if s.err == nil {
		s.err = errors.New("cache: the sink was aborted")
	}
}

// add counts a row of that source.
func (p *Staged) add(src schemas.Source, t Tally) {
	p.Rows++
	if src.Less(p.First) {
		p.First = src
	}
	p.Tally.Add(t)
}

// closed returns the staged part with the size and digest of its file.
func (p Staged) closed(ref schemas.FileRef) Staged {
	p.Bytes, p.SHA256 = ref.Bytes, ref.SHA256
	return p
}

// unique returns a name that no other part has: 60 random bits.
func unique() string { return strings.ToLower(rand.Text()[:12]) }

func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
