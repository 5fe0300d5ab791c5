package checkpoint

import (
	"fmt"
	"os"
)

// A File is one open safetensors file.
type File struct {
	path    string
	tensors []Tensor
	byName  map[string]int
	data    []byte // all of the file
	unmap   func() error
}

// OpenFile maps a safetensors file and checks its whole header.
func OpenFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	defer f.Close()
	data, unmap, err := mapFile(f)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	tensors, err := parse(data)
	if err != nil {
		unmap()
		return nil, fmt.Errorf("checkpoint: %s: %w", path, err)
	}
	out := &File{path: path, tensors: tensors, byName: map[string]int{}, data: data, unmap: unmap}
	for i, t := range tensors {
		out.byName[t.Name] = i
	}
	return out, nil
}

// Tensors returns the file's tensors in the order of their bytes.
func (f *File) Tensors() []Tensor { return f.tensors }

// Tensor returns the tensor of that name.
func (f *File) Tensor(name string) (Tensor, error) {
	i, ok := f.byName[name]
	if !ok {
		return Tensor{}, fmt.Errorf("checkpoint: %s holds no tensor %s", f.path, name)
	}
	return f.tensors[i], nil
}

// Close unmaps the file; its tensors are invalid from then on.
func (f *File) Close() error { return f.unmap() }
