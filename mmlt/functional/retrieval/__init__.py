"""Average precision in its forms, ROC-AUC and top-k accuracy of scored lists."""
