package parquetfile

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// Open is parquet.OpenFile of a file of so many bytes that first looks whether the footer fits in it: its length stands before the last magic
// number, and the library makes room for what is said there, up to 4 GiB, before it reads.
func Open(r io.ReaderAt, size int64, options ...parquet.FileOption) (*parquet.File, error) {
	const head, tail = 4, 8 // "PAR1" at the beginning; a length and "PAR1" at the end
	var end [tail]byte
	if size < head+tail {
		return nil, fmt.Errorf("its %d bytes are too few for a Parquet file: it was cut; fetch or write it again", size)
	}
	if n, err := r.ReadAt(end[:], size-tail); n < tail {
		return nil, fmt.Errorf("the end of the Parquet file cannot be read: %w", err)
	}
	if footer := int64(binary.LittleEndian.Uint32(end[:])); footer > size-head-tail {
		return nil, fmt.Errorf("the Parquet file says that its footer has %d bytes, and has %d in all: it was cut or changed; fetch or write it again", footer, size)
	}
	return parquet.OpenFile(r, size, options...)
}
