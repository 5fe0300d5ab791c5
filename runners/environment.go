package runners

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"

	"github.com/apache/beam/sdks/v2/go/pkg/beam/options/jobopts"
)

// OnPool reports whether runs on prism go to worker processes of a pool, as --environment_type=EXTERNAL has it, and not to this process.
func OnPool() bool { return strings.EqualFold(*jobopts.EnvironmentType, "EXTERNAL") }

// checkEnvironment returns every fault of Beam's flags that say where the work is done.
func checkEnvironment(name string) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if *jobopts.Async {
		fault("async: a run is waited for, and what it left is read; leave --async out")
	}
	switch kind := strings.ToUpper(*jobopts.EnvironmentType); {
	case kind == "" || kind == "LOOPBACK":
	case name != "prism":
		fault("environment_type: %s works in this process; worker processes need --runner=prism", name)
	case kind == "EXTERNAL":
		if _, _, err := net.SplitHostPort(*jobopts.EnvironmentConfig); err != nil {
			fault("environment_config: %q is no address of a worker pool; EXTERNAL takes HOST:PORT", *jobopts.EnvironmentConfig)
		}
		if _, err := workerBinary(); err != nil {
			fault("worker_binary: %w", err)
		}
	case kind == "PROCESS":
		fault("environment_type: prism does not start processes in a way that Beam's boot understands; start boot with --worker_pool and use EXTERNAL")
	case kind == "DOCKER":
		fault("environment_type: prism's containers see no directory of this machine, where model, pairs and cache are; use EXTERNAL or LOOPBACK")
	default:
		fault("environment_type: %q is neither LOOPBACK nor EXTERNAL", *jobopts.EnvironmentType)
	}
	return errors.Join(faults...)
}

// workerBinary returns the program that a pool is to start: what --worker_binary names, else this one, for pools of prism are on this
// machine. Left to itself Beam would build one, for which it needs Go and the source.
func workerBinary() (string, error) {
	path := *jobopts.WorkerBinary
	if path == "" {
		if runtime.GOOS != "linux" {
			return "", fmt.Errorf("a worker pool may be on another system than %s; name a build of this program for it", runtime.GOOS)
		}
		return os.Executable()
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file; name the program that workers run", path)
	}
	return path, err
}
