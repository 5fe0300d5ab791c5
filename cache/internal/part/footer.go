package part

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"github.com/steelyard-ml/steelyard/schemas"
)

// Keys of the key-value metadata in a footer.
const (
	metaVersion     = "steelyard.format_version"
	metaMinReader   = "steelyard.min_reader_version"
	metaKind        = "steelyard.kind" // "value" or "view_row"
	metaRun         = "steelyard.run"
	metaFingerprint = "steelyard.fingerprint" // the items as a JSON array; of values only
)

// ErrFingerprint is returned by Open for a part that another reference wrote than the manifest says: the file was put there by hand.
var ErrFingerprint = errors.New("the part was written by another reference")

// ErrVersion is returned for a cache, or a part of one, that this program is too old for.
var ErrVersion = errors.New("the cache needs a newer program")

// A Footer is what a file says of itself, besides its rows.
type Footer struct {
	Run         string
	Fingerprint schemas.Fingerprint // of values; nil for a view
}

func (f Footer) metadata(kind string) ([]parquet.WriterOption, error) {
	out := []parquet.WriterOption{
		parquet.KeyValueMetadata(metaVersion, strconv.Itoa(schemas.FormatVersion)),
		parquet.KeyValueMetadata(metaMinReader, strconv.Itoa(schemas.MinReaderVersion)),
		parquet.KeyValueMetadata(metaKind, kind),
		parquet.KeyValueMetadata(metaRun, f.Run),
	}
	if f.Fingerprint != nil {
		b, err := json.Marshal(f.Fingerprint)
		if err != nil {
			return nil, err
		}
		out = append(out, parquet.KeyValueMetadata(metaFingerprint, string(b)))
	}
	return out, nil
}

// check compares a file's footer with what its manifest says of it.
func (f Footer) check(file *parquet.File, kind string) error {
	least, ok := file.Lookup(metaMinReader)
	if !ok {
		return fmt.Errorf("its footer has no %s, so it was not written by steelyard", metaMinReader)
	}
	n, err := strconv.Atoi(least)
	if err != nil {
		return fmt.Errorf("its footer has %s %.20q, not a number", metaMinReader, least)
	}
	if n > schemas.FormatVersion {
		return fmt.Errorf("%w: it is of a format that needs version %d, this program reads up to %d", ErrVersion, n, schemas.FormatVersion)
	}
	if got, _ := file.Lookup(metaKind); got != kind {
		return fmt.Errorf("its footer says that its rows are %.20q, not %q", got, kind)
	}
	if got, _ := file.Lookup(metaRun); got != f.Run {
		return fmt.Errorf("its footer names the run %.64q, the manifest %q", got, f.Run)
	}
	if f.Fingerprint == nil {
		return nil
	}
	text, _ := file.Lookup(metaFingerprint)
	var got schemas.Fingerprint
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		return fmt.Errorf("its footer has no readable fingerprint: %w", err)
	}
	if diff := got.Differ(f.Fingerprint); len(diff) > 0 {
		return fmt.Errorf("%w: its %s is %q, the manifest's %q", ErrFingerprint, diff[0][0].Name, diff[0][0].Digest, diff[0][1].Digest)
	}
	return nil
}
