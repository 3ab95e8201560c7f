// This file puts the server programs on the machine: packages by apt-get, jars by Maven into a cache, one at a time.

package servers

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

//go:embed pom.xml
var pom []byte

// oldestJava is what Kafka 4's brokers run on.
const oldestJava = 17

// cacheDir is where jars are kept between runs.
func cacheDir() (string, error) {
	if dir := os.Getenv("PARLEY_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home folder for the cache; set PARLEY_CACHE: %w", err)
	}
	return filepath.Join(home, ".cache", "parley"), nil
}

// locked runs do while no other process on this machine does anything under the same lock.
func locked(path string, do func() error) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	return do()
}

// program finds a program, and installs the Debian package that holds it when it is missing and we may.
func program(ctx context.Context, log io.Writer, name, pkg string) (string, error) {
	return installed(ctx, log, name, pkg, func() (string, error) { return exec.LookPath(name) })
}

// installed finds something of a Debian package, and installs the package when it is missing and we may.
func installed(ctx context.Context, log io.Writer, name, pkg string, found func() (string, error)) (string, error) {
	if path, err := found(); err == nil {
		return path, nil
	}
	apt, err := exec.LookPath("apt-get")
	if err != nil {
		return "", fmt.Errorf("%w: %s is missing; install it with your package manager (Debian calls the package %s)", ErrUnavailable, name, pkg)
	}
	command := []string{apt}
	if os.Geteuid() != 0 {
		if exec.CommandContext(ctx, "sudo", "-n", "true").Run() != nil {
			return "", fmt.Errorf("%w: %s is missing; run `sudo apt-get install %s`", ErrUnavailable, name, pkg)
		}
		command = []string{"sudo", "-n", "DEBIAN_FRONTEND=noninteractive", apt}
	}
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	err = locked(filepath.Join(cache, "apt.lock"), func() error {
		if _, err := found(); err == nil {
			return nil // a parallel process has just installed it
		}
		fmt.Fprintf(log, "installing %s with apt-get (for %s)\n", pkg, name)
		return aptInstall(ctx, command, pkg)
	})
	if err != nil {
		return "", fmt.Errorf("%w: %s is missing and apt-get could not install %s: %w", ErrUnavailable, name, pkg, err)
	}
	return found()
}

// aptInstall tries the package lists as they are before it fetches new ones, because fetching takes half a minute.
func aptInstall(ctx context.Context, apt []string, pkg string) error {
	run := func(args ...string) error {
		all := append(append([]string{}, apt...), args...)
		cmd := exec.CommandContext(ctx, all[0], all[1:]...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(all, " "), err, lastLines(out))
		}
		return nil
	}
	if run("install", "-y", "-qq", "--no-install-recommends", pkg) == nil {
		return nil
	}
	if err := run("update", "-qq"); err != nil {
		return err
	}
	return run("install", "-y", "-qq", "--no-install-recommends", pkg)
}

// java finds a Java runtime that is new enough.
func java(ctx context.Context, log io.Writer) (string, error) {
	path, err := program(ctx, log, "java", "default-jre-headless")
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, "-version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s -version: %w: %s", ErrUnavailable, path, err, lastLines(out))
	}
	found := regexp.MustCompile(`version "(\d+)`).FindSubmatch(out)
	if found == nil {
		return "", fmt.Errorf("%w: %s -version is not understood: %s", ErrUnavailable, path, lastLines(out))
	}
	if major, _ := strconv.Atoi(string(found[1])); major < oldestJava {
		return "", fmt.Errorf("%w: Java %d is too old; install Java %d or newer", ErrUnavailable, major, oldestJava)
	}
	return path, nil
}

// jars returns a cache folder with the jars of one profile of pom.xml under lib/, fetched on first use. finish makes
// whatever else shall stand in the folder. The folder counts only when it is complete: its stamp is written last.
func jars(ctx context.Context, log io.Writer, profile, source string, finish func(home string) error) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	home := filepath.Join(cache, profile+"-"+pomVersion(profile))
	stampFile, stamp := filepath.Join(home, "complete"), stampOf(pom, []byte(source))
	complete := func() bool {
		have, err := os.ReadFile(stampFile)
		return err == nil && string(have) == stamp
	}
	if complete() {
		return home, nil
	}
	err = locked(filepath.Join(cache, profile+".lock"), func() error {
		if complete() {
			return nil // a parallel process has just fetched it
		}
		if err := os.RemoveAll(home); err != nil {
			return err
		}
		fmt.Fprintf(log, "fetching %s %s from Maven Central into %s (once)\n", profile, pomVersion(profile), home)
		if err := fetchJars(ctx, log, profile, filepath.Join(home, "lib")); err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		if err := finish(home); err != nil {
			return err
		}
		return os.WriteFile(stampFile, []byte(stamp), 0o644)
	})
	return home, err
}

// fetchJars has Maven copy the jars. The pom is written out, because a test binary may run anywhere.
func fetchJars(ctx context.Context, log io.Writer, profile, into string) error {
	mvn, err := program(ctx, log, "mvn", "maven")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "parley-pom-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "pom.xml")
	if err := os.WriteFile(file, pom, 0o644); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, mvn, "-B", "-q", "-ntp", "-f", file, "-P", profile,
		"dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+into).CombinedOutput()
	if err != nil {
		return fmt.Errorf("maven could not fetch %s (is Maven Central or a mirror of it reachable?): %w: %s", profile, err, lastLines(out))
	}
	return nil
}

// pomVersion reads a server's version from the pom, its only home.
func pomVersion(profile string) string {
	found := regexp.MustCompile(`<` + profile + `\.version>([^<]+)<`).FindSubmatch(pom)
	if found == nil {
		panic("pom.xml has no property " + profile + ".version")
	}
	return string(found[1])
}

func stampOf(parts ...[]byte) string {
	sum := sha256.Sum256(bytes.Join(parts, []byte{0}))
	return hex.EncodeToString(sum[:8])
}

func lastLines(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.Join(lines[max(0, len(lines)-8):], "\n")
}
