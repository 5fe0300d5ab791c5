package checkpoint

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
)

// A Named is a tensor to be written: of float32s, or of bytes.
type Named struct {
	Name  string
	Shape []int
	Data  []float32 // row-major
	Codes []byte    // in place of Data: U8
}

// WriteTensors writes a safetensors file, its tensors in the order given, atomically: the file appears whole or not at all.
func WriteTensors(path string, tensors []Named) error {
	return WriteFile(path, func(w io.Writer) error { return writeTensors(w, tensors) })
}

func writeTensors(w io.Writer, tensors []Named) error {
	type entry struct {
		DType   DType    `json:"dtype"`
		Shape   []int    `json:"shape"`
		Offsets [2]int64 `json:"data_offsets"`
	}
	// transformers refuses a file whose metadata does not name the framework.
	header := map[string]any{"__metadata__": map[string]string{"format": "pt"}}
	at := int64(0)
	for _, t := range tensors {
		n := 1
		for _, d := range t.Shape {
			n *= d
		}
		dtype, have, size := F32, len(t.Data), 4*int64(n)
		if t.Codes != nil {
			dtype, have, size = "U8", len(t.Codes), int64(n)
		}
		if n != have {
			return fmt.Errorf("tensor %s: shape %v takes %d elements, there are %d", t.Name, t.Shape, n, have)
		}
		if _, twice := header[t.Name]; twice {
			return fmt.Errorf("tensor %s is given twice", t.Name)
		}
		header[t.Name] = entry{dtype, append([]int{}, t.Shape...), [2]int64{at, at + size}}
		at += size
	}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	for len(text)%8 != 0 { // tensors begin aligned
		text = append(text, ' ')
	}
	if err := binary.Write(w, binary.LittleEndian, uint64(len(text))); err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	raw := make([]byte, 1<<16)
	for _, t := range tensors {
		if _, err := w.Write(t.Codes); err != nil {
			return err
		}
		for data := t.Data; len(data) > 0; {
			n := min(len(data), len(raw)/4)
			for i, v := range data[:n] {
				binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(v))
			}
			if _, err := w.Write(raw[:4*n]); err != nil {
				return err
			}
			data = data[n:]
		}
	}
	return nil
}

// WriteFile writes a file beside its place, makes it durable, and gives it its name: it appears whole or not at all. The name itself is
// durable after SyncDir.
func WriteFile(path string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("checkpoint: writing %s: %w", path, err)
		}
	}()
	buffered := bufio.NewWriterSize(f, 1<<20)
	if err := write(buffered); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
