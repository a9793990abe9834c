from patchportal.main import run

run()
