package host

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/steelyard-ml/steelyard/internal/simd"
)

// A Machine is where and when measurements were made.
type Machine struct {
	CPU    string // model name, family and model
	Cores  int
	Caches []string // of core 0. Example: "L2 1024K"
	Memory int64    // bytes
	Level  string   // instructions in use
	Class  string   // of the arithmetic
	Go     string
	Commit string // "-dirty" behind it where the checkout has changes
	Begun  time.Time
	Load   string // load averages when the measurements began
}

// Describe describes this machine. What it can't find out is left empty. root is the checkout.
func Describe(root string) Machine {
	m := Machine{Cores: runtime.NumCPU(), Level: string(simd.Active()), Class: simd.Class(), Go: runtime.Version(), Begun: time.Now().UTC(), Load: Load()}
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		m.CPU = cpuName(f)
		f.Close()
	}
	if f, err := os.Open("/proc/meminfo"); err == nil {
		m.Memory = field(f, "MemTotal") << 10
		f.Close()
	}
	dirs, _ := filepath.Glob("/sys/devices/system/cpu/cpu0/cache/index*") // the pattern is constant
	for _, dir := range dirs {
		read := func(name string) string {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return "?"
			}
			return strings.TrimSpace(string(text))
		}
		if kind := read("type"); kind != "Instruction" {
			m.Caches = append(m.Caches, "L"+read("level")+" "+read("size"))
		}
	}
	git := func(args ...string) string { // without taking the lock of a commit under way
		out, err := exec.Command("git", append([]string{"--no-optional-locks", "-C", root}, args...)...).Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	m.Commit = git("rev-parse", "--short=12", "HEAD")
	if git("status", "--porcelain") != "" {
		m.Commit += "-dirty"
	}
	return m
}

// Zen4 says whether the processor is of AMD's family 25 with AVX-512 in use, which Zen 3 of the same family lacks.
func (m Machine) Zen4() bool {
	return strings.HasPrefix(m.CPU, "AMD") && strings.Contains(m.CPU, "(family 25,") && m.Level == string(simd.AVX512)
}

// Load returns the load averages over 1, 5 and 15 minutes.
func Load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(text)); err == nil && len(fields) >= 3 {
		return strings.Join(fields[:3], " ")
	}
	return ""
}

// cpuName reads the name of the first processor of /proc/cpuinfo.
func cpuName(cpuinfo io.Reader) string {
	values := map[string]string{}
	for s := bufio.NewScanner(cpuinfo); s.Scan() && s.Text() != ""; {
		name, value, _ := strings.Cut(s.Text(), ":")
		values[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	return fmt.Sprintf("%s (family %s, model %s)", values["model name"], values["cpu family"], values["model"])
}

// field reads a number of a file of lines "name: number kB".
func field(r io.Reader, name string) int64 {
	for s := bufio.NewScanner(r); s.Scan(); {
		if n, value, _ := strings.Cut(s.Text(), ":"); n == name {
			kB, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kB
		}
	}
	return 0
}

// PeakMemory returns the most bytes of memory that this process had at a time (VmHWM), mapped files included.
func PeakMemory() int64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close()
	return field(f, "VmHWM") << 10
}
