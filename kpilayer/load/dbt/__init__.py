"""dbt's own files and forms: its projects, artefacts and specs, read in the words of ours."""
