package peers

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// ErrNoOpenBLAS is returned where openblas.c can't be compiled: install gcc and libopenblas-dev.
var ErrNoOpenBLAS = errors.New("no gcc or no OpenBLAS (Debian: gcc, libopenblas-dev)")

// OpenBLAS is a program that multiplies matrices when it is asked to.
type OpenBLAS struct {
	Config string // version and kernels. Example: "OpenBLAS 0.3.21 DYNAMIC_ARCH Cooperlake"

	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// cores name sets of OpenBLAS's kernels to try beside those that it chooses (""): for a processor that is newer than it is, it takes its oldest.
var cores = []string{"", "Haswell", "Zen", "SkylakeX", "Cooperlake", "SapphireRapids"}

// StartOpenBLAS compiles the source (c/openblas.c) into binary and starts it with the kernels that are the fastest here. Close ends it.
func StartOpenBLAS(source, binary string) (*OpenBLAS, error) {
	if text, err := exec.Command("gcc", "-O2", "-o", binary, source, "-lopenblas").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %v %s", ErrNoOpenBLAS, err, text)
	}
	fastest, least := "", 0.0
	var failed error
	for _, name := range cores {
		s, err := try(binary, name)
		if err == nil && (least == 0 || s < least) {
			fastest, least = name, s
		} else if name == "" { // others may ask for instructions that are not here
			failed = err
		}
	}
	if least == 0 {
		return nil, failed
	}
	return startOpenBLAS(binary, fastest)
}

// try returns the seconds of a product with a set of kernels.
func try(binary, core string) (float64, error) {
	b, err := startOpenBLAS(binary, core)
	if err != nil {
		return 0, err
	}
	s, err := b.Gemm("NN", 1, 768, 768, 768, 100*time.Millisecond)
	return s, errors.Join(err, b.Close())
}

func startOpenBLAS(binary, core string) (*OpenBLAS, error) {
	b := &OpenBLAS{cmd: exec.Command(binary)}
	if core != "" {
		b.cmd.Env = append(os.Environ(), "OPENBLAS_CORETYPE="+core)
	}
	in, err := b.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := b.cmd.Start(); err != nil {
		return nil, err
	}
	b.in, b.out = in, bufio.NewReader(out)
	line, err := b.out.ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("openblas: %w", err), b.Close())
	}
	b.Config = config(line)
	return b, nil
}

// Close ends the program.
func (b *OpenBLAS) Close() error {
	b.in.Close()
	return b.cmd.Wait()
}

// spin is longer than OpenBLAS's threads wait for more work before they sleep: 2^26 cycles and more.
const spin = 150 * time.Millisecond

// Gemm multiplies M×K by K×N in a layout (NT, NN or TN) on so many threads for at least so long, and returns the seconds of the fastest turn.
func (b *OpenBLAS) Gemm(layout string, threads, m, n, k int, least time.Duration) (float64, error) {
	if _, err := fmt.Fprintf(b.in, "%s %d %d %d %d %g\n", layout, threads, m, n, k, least.Seconds()); err != nil {
		return 0, fmt.Errorf("openblas: %w", err)
	}
	line, err := b.out.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("openblas: %w", err)
	}
	if threads > 1 {
		time.Sleep(spin)
	}
	return seconds(line)
}

// config cuts the build flags that say nothing out of the program's first line.
func config(line string) string {
	var kept []string
	for _, word := range strings.Fields(line) {
		if !strings.HasPrefix(word, "NO_") && !strings.HasPrefix(word, "MAX_THREADS=") {
			kept = append(kept, word)
		}
	}
	return strings.Join(kept, " ")
}

func seconds(line string) (float64, error) {
	s, err := strconv.ParseFloat(strings.TrimSpace(line), 64)
	if err != nil || !(s > 0) {
		return 0, fmt.Errorf("openblas: %q are no seconds", line)
	}
	return s, nil
}
