// What the settings mean on this host: the process's name, its folders, its log.

package settings

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/cloudwego/kitex/pkg/klog"
)

// InstanceName is the stable name of this process.
func (s Settings) InstanceName() string {
	if s.Instance != "" {
		return strings.ReplaceAll(s.Instance, "/", "-")
	}
	host, err := os.Hostname()
	if err != nil {
		return "parley"
	}
	return host
}

// Dir is a path under the data folder.
func (s Settings) Dir(parts ...string) string {
	return filepath.Join(append([]string{s.Data}, parts...)...)
}

// Logger logs to standard error: standard output carries the results of commands.
func (s Settings) Logger() (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return nil, fmt.Errorf("log-level: %w; want debug, info, warn or error", err)
	}
	klog.SetLevel(klog.LevelFatal) // Kitex logs every stream that ends; what matters is returned as an error
	o := &slog.HandlerOptions{Level: level}
	switch s.LogFormat {
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, o)), nil
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, o)), nil
	}
	return nil, fmt.Errorf("log-format is %q: want text or json", s.LogFormat)
}
