// Command nilvet is nilaway as a tool of go vet, which keeps what it found in a package until the package changes.
// (nilaway's own command reads and checks all dependencies anew in every run.)
package main

import (
	"go.uber.org/nilaway"
	"go.uber.org/nilaway/config"
	"golang.org/x/tools/go/analysis/unitchecker"
)

func main() {
	for name, value := range map[string]string{
		config.IncludePkgsFlag:      "github.com/parley-im/parley",
		config.ExcludePkgsFlag:      "github.com/parley-im/parley/schemas/gen,github.com/parley-im/parley/test",
		config.PrettyPrintFlag:      "false",
		config.ExcludeTestFilesFlag: "true",
	} {
		if err := config.Analyzer.Flags.Set(name, value); err != nil {
			panic(err)
		}
	}
	unitchecker.Main(nilaway.Analyzer, config.Analyzer)
}
